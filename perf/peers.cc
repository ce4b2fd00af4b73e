#include "peers.h"

#include <fmt/format.h>

#include <algorithm>

#include "failure.h"

namespace hfreduce::perf {
namespace {

constexpr int kFirstCalls = 3;          // tell how long a call takes
constexpr double kRoundUs = 1'000'000;  // a slow library does fewer calls a round

std::string name_of(const std::string& label, const std::string& setting) {
  return setting.empty() ? label : fmt::format("{} ({})", label, setting);
}

}  // namespace

Peers::Peers(const std::vector<PeerSpec>& specs, const PeerPlace& place, PeerCompany& company,
             double patience_s)
    : company_(company), patience_s_(patience_s) {
  for (const PeerSpec& spec : specs) {
    Library& library = libraries_.emplace_back();
    library.label = spec.label;
    for (const PeerSetting& setting : spec.settings) {
      Setting& mine = library.settings.emplace_back();
      mine.name = setting.name;
      try {
        mine.job = std::make_unique<PeerJob>(spec, setting, place, company);
        mine.job->start(patience_s_);
        mine.job->wait_until_ready(patience_s_);
      } catch (const Failure& failure) {
        leave_out(library, mine, failure.what());
      }
    }
  }
}

void Peers::say_once(const std::string& sentence) {
  if (!company_.tells()) return;
  if (std::find(said_.begin(), said_.end(), sentence) != said_.end()) return;
  said_.push_back(sentence);
  complain(sentence);
}

void Peers::leave_out(const Library& library, Setting& setting, const std::string& why) {
  say_once(fmt::format("--compare {}: {}; it is left out from here on",
                       name_of(library.label, setting.name), why));
  setting.job.reset();
  setting.rounds.clear();
  lost_ = true;
}

template <typename What>
void Peers::with_each(const What& what) {
  for (Library& library : libraries_) {
    for (Setting& setting : library.settings) {
      if (!setting.job) continue;
      try {
        what(setting);
      } catch (const Failure& failure) {
        leave_out(library, setting, failure.what());
      }
    }
  }
}

PeerAnswer Peers::ask(Setting& setting, const PeerRequest& request) {
  const auto [lines, elapsed_us] = setting.job->ask(request_line(request), patience_s_);
  std::vector<PeerAnswer> answers;
  for (std::size_t rank = 0; rank < lines.size(); ++rank) {
    try {
      answers.push_back(parse_answer(lines[rank], request.iterations, elapsed_us));
    } catch (const Failure& failure) {
      throw Failure(fmt::format("its rank {} {}", rank, failure.what()));
    }
  }
  return slowest_of(answers);
}

void Peers::begin(const PeerRequest& request) {
  with_each([&](Setting& setting) {
    setting.rounds.clear();
    PeerRequest few = request;
    few.iterations = kFirstCalls;
    const PeerAnswer answer = ask(setting, few);
    setting.call_us = answer.time.median;
    setting.error = answer.error;
    setting.cannot = answer.cannot;
  });
  for (const Library& library : libraries_) say_errors(library);
}

// Errors each; that a setting has no such thing only matters where no other setting has it.
void Peers::say_errors(const Library& library) {
  const auto able = [](const Setting& s) { return s.job && s.error.empty(); };
  const bool none = std::none_of(library.settings.begin(), library.settings.end(), able);
  for (const Setting& setting : library.settings) {
    if (!setting.job || setting.error.empty()) continue;
    if (!setting.cannot) {
      say_once(
          fmt::format("--compare {}: {}", name_of(library.label, setting.name), setting.error));
    } else if (none) {
      say_once(fmt::format("--compare {}: {}", library.label, setting.error));
    }
  }
}

void Peers::run(const PeerRequest& request) {
  with_each([&](Setting& setting) {
    if (!setting.error.empty()) return;
    PeerRequest round = request;
    const double fit = kRoundUs / std::max(setting.call_us, 1e-3);
    if (fit < round.iterations) round.iterations = std::max(kFirstCalls, static_cast<int>(fit));
    PeerAnswer answer = ask(setting, round);
    setting.error = answer.error;
    if (!answer.error.empty()) throw Failure(answer.error);  // it could before
    setting.rounds.push_back(std::move(answer));
  });
}

std::vector<PeerFigure> Peers::figures(const std::vector<bool>& kept) const {
  std::vector<PeerFigure> figures;
  for (const Library& library : libraries_) {
    PeerFigure& figure = figures.emplace_back();
    figure.library = library.label;
    for (const Setting& setting : library.settings) {
      if (!setting.job || setting.rounds.size() != kept.size()) continue;
      std::vector<PeerAnswer> rounds;
      for (std::size_t i = 0; i < kept.size(); ++i) {
        if (kept[i]) rounds.push_back(setting.rounds[i]);
      }
      const Spread time = spread_of_rounds(rounds);
      if (figure.known && figure.time.median <= time.median) continue;
      figure.known = true;
      figure.time = time;
      figure.setting = setting.name;
    }
  }
  return figures;
}

}  // namespace hfreduce::perf
