#include "peer_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>

#include "failure.h"

namespace hfreduce::perf {
namespace {

// Plain decimals, whatever the locale; not a number: not a number.
double number_of(const std::string& word) {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool whole = error == std::errc() && end == word.data() + word.size();
  return whole ? value : std::numeric_limits<double>::quiet_NaN();
}

[[noreturn]] void not_an_answer(const std::string& line, const char* why) {
  throw Failure(fmt::format("answered '{}', {}", printable(line), why));
}

bool no_time(double us) { return !(us >= 0) || !std::isfinite(us); }

void check_order(const std::string& line, const Spread& t) {
  if (no_time(t.min) || no_time(t.median) || no_time(t.p99)) {
    not_an_answer(line, "which holds times that are no times");
  }
  if (t.min > t.median || t.median > t.p99) {
    not_an_answer(line, "where the least is not at most the median, and that not at most the p99");
  }
}

// At least half of the calls took the median or more.
void check_elapsed(const std::string& line, const PeerAnswer& answer, int iterations,
                   double elapsed_us) {
  double least = answer.time.median * (iterations / 2) + answer.time.min * ((iterations + 1) / 2);
  const bool each = answer.samples.size() == static_cast<std::size_t>(iterations);
  if (each) {
    least = 0;
    for (const double sample : answer.samples) least += sample;
  }
  if (least > elapsed_us * 1.01 + 1) {
    not_an_answer(line, "which is more time than has passed since it was asked");
  }
}

}  // namespace

std::string request_line(const PeerRequest& r) {
  const bool reduce = r.collective == Collective::kAllReduce;
  return fmt::format("{} {} {} {} {} {} {} {}", name_of(r.collective), r.type->name,
                     reduce ? std::string(r.op->name) : fmt::format("{}", r.root), r.count,
                     r.iterations, name_of(r.place), r.in_a_row ? "row" : "each", r.warm_up);
}

PeerAnswer parse_answer(const std::string& line, int iterations, double elapsed_us) {
  std::istringstream words(line);
  std::string first, word;
  words >> first;
  PeerAnswer answer;
  if (first == "error" || first == "cannot") {
    answer.cannot = first == "cannot";
    std::getline(words >> std::ws, answer.error);
    answer.error = answer.error.empty() ? "an error without a sentence" : printable(answer.error);
    return answer;
  }
  if (first != "ok")
    not_an_answer(line,
                  "which is none of 'ok MEDIAN P99 MIN', 'cannot SENTENCE', 'error SENTENCE'");
  std::vector<double> numbers;
  while (words >> word) numbers.push_back(number_of(word));
  if (numbers.size() < 3) not_an_answer(line, "which lacks one of MEDIAN, P99 and MIN");
  answer.time = {numbers[0], numbers[1], numbers[2]};
  check_order(line, answer.time);
  answer.samples.assign(numbers.begin() + 3, numbers.end());
  if (answer.samples.size() > static_cast<std::size_t>(iterations)) {
    not_an_answer(line, "which tells of more calls than were asked for");
  }
  if (std::any_of(answer.samples.begin(), answer.samples.end(), no_time)) {
    not_an_answer(line, "which holds times that are no times");
  }
  check_elapsed(line, answer, iterations, elapsed_us);
  return answer;
}

PeerAnswer slowest_of(const std::vector<PeerAnswer>& answers) {
  PeerAnswer all = answers.front();
  for (const PeerAnswer& one : answers) {
    if (!one.error.empty()) return one;
    if (one.samples.size() != all.samples.size()) all.samples.clear();
    for (std::size_t i = 0; i < all.samples.size(); ++i) {
      all.samples[i] = std::max(all.samples[i], one.samples[i]);
    }
    all.time = {std::max(all.time.median, one.time.median), std::max(all.time.p99, one.time.p99),
                std::max(all.time.min, one.time.min)};
  }
  if (!all.samples.empty()) all.time = spread_of(all.samples);
  return all;
}

Spread spread_of_rounds(const std::vector<PeerAnswer>& rounds) {
  std::vector<std::vector<double>> samples;
  std::vector<double> medians;
  Spread told;
  bool all_told = true;
  for (const PeerAnswer& round : rounds) {
    samples.push_back(round.samples);
    all_told = all_told && !round.samples.empty();
    told.min = medians.empty() ? round.time.min : std::min(told.min, round.time.min);
    told.p99 = std::max(told.p99, round.time.p99);
    medians.push_back(round.time.median);
  }
  if (all_told) return spread_of_rounds(samples);
  const Spread middle = spread_of(medians);
  return {middle.median, told.p99, told.min, middle.low, middle.high};
}

std::string printable(const std::string& text) {
  constexpr std::size_t kMost = 200;
  std::string shown = text.substr(0, kMost);
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text.size() > kMost ? shown + "..." : shown;
}

}  // namespace hfreduce::perf
