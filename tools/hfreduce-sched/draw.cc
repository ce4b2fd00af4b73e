#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "algorithms/proof.h"
#include "commands.h"
#include "picture.h"

namespace hfreduce::sched {
namespace {

constexpr std::int32_t kMostRanks = 64, kMostSegments = 1000;
constexpr std::size_t kMostBoxes = 100'000;  // beyond, no viewer shows it in reasonable time
constexpr double kLongest = 1e9;             // ns, of a step or a byte
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 50;

std::string wrong_with_drawing(const Options& options, std::int32_t ranks) {
  if (ranks > kMostRanks)
    return fmt::format("a picture has at most {} ranks, not {}", kMostRanks, ranks);
  if (options.segments < 1 || options.segments > kMostSegments)
    return fmt::format("--segments {} must lie within 1 and {}", options.segments, kMostSegments);
  if (options.bytes > kMostBytes)
    return fmt::format("--bytes {} is more than 1024T", options.bytes);
  for (const auto& [name, cost] : {std::pair{"--mapped-step", options.costs.mapped_step},
                                   {"--mapped-byte", options.costs.mapped_byte},
                                   {"--posted-step", options.costs.posted_step},
                                   {"--posted-byte", options.costs.posted_byte}})
    if (!(cost >= 0 && cost <= kLongest))  // nan neither
      return fmt::format("{} {} must lie within 0 and {} ns", name, cost, kLongest);
  return {};
}

// The one algorithm that is meant, or why there is none in *wrong.
const algorithms::Algorithm* chosen(const Options& options, const schedule::Placement& placement,
                                    std::string* wrong) {
  const algorithms::Algorithm* found = nullptr;
  bool known = false;
  for (const auto& algorithm : algorithms::all()) {
    if (!matches(options, algorithm)) continue;
    known = true;
    if (!algorithm.applies(placement)) continue;
    if (found != nullptr)
      *wrong =
          fmt::format("both {} and {} have a {}: --collective says which",
                      name_of(found->collective), name_of(algorithm.collective), options.algorithm);
    found = &algorithm;
  }
  if (found == nullptr) *wrong = not_found(options, known);
  return found;
}

Captions captions_of(const Run& run, const Timeline& timeline, const std::string& title) {
  const Costs& costs = run.costs;
  Captions captions{.title = title, .lines = {}};
  double on_links = timeline.length - timeline.in_steps;
  if (on_links < 1e-9 * timeline.length) on_links = 0;  // rounding
  std::string path = fmt::format("Done after {}. Critical path: {} steps",
                                 time_text(timeline.length), timeline.critical_steps);
  if (on_links > 0)
    path += fmt::format(", which take {}; the other {} its messages are on their way",
                        time_text(timeline.in_steps), time_text(on_links));
  captions.lines.push_back(path + ".");
  std::string assumed = fmt::format(
      "Assumed, not measured: a step takes {}, and {} for each byte that it reads or writes",
      time_text(costs.mapped_step), time_text(costs.mapped_byte));
  if (run.placement->hosts() > 1)
    assumed +=
        fmt::format("; between hosts a message takes {}, and each byte keeps its link for {}",
                    time_text(costs.posted_step), time_text(costs.posted_byte));
  captions.lines.push_back(assumed + ".");
  captions.lines.push_back(
      "A rank does one step at a time. This is the first call: every slot is free.");
  return captions;
}

// Nothing is left of a file that could not be written whole, and what had been there stays.
std::string write_file(const std::string& name, const std::string& text) {
  const bool special = std::filesystem::exists(name) && !std::filesystem::is_regular_file(name);
  const std::string fresh = special ? name : name + ".part";
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(fresh.c_str(), "w"), std::fclose);
  int why = file == nullptr ? errno : 0;
  if (why == 0 && (std::fwrite(text.data(), 1, text.size(), file.get()) != text.size() ||
                   std::fflush(file.get()) != 0))
    why = errno;
  if (file != nullptr && std::fclose(file.release()) != 0 && why == 0) why = errno;
  if (why == 0 && !special && std::rename(fresh.c_str(), name.c_str()) != 0) why = errno;
  if (why == 0) return {};
  if (!special) std::remove(fresh.c_str());
  return fmt::format("{}: {}", name, std::strerror(why));
}

}  // namespace

int draw(const Options& given) {
  Options options = given;
  if (options.hosts == 0) options.hosts = 1;
  std::int32_t ranks = 0, last = 0;
  std::string wrong;
  if (!parse_ranks(options.ranks, &ranks, &last, &wrong)) return bad_input(wrong);
  if (ranks != last) return bad_input("draw wants one number of ranks, not a range");
  if (wrong = wrong_with(options, ranks); !wrong.empty()) return bad_input(wrong);
  if (wrong = wrong_with_drawing(options, ranks); !wrong.empty()) return bad_input(wrong);
  const auto setting = setting_of(options, ranks);
  const auto* algorithm = chosen(options, setting.placement, &wrong);
  if (!wrong.empty()) return bad_input(wrong);

  const algorithms::Request request{&setting.placement, options.root, options.leaders};
  std::vector<schedule::Schedule> schedules;
  for (std::int32_t rank = 0; rank < ranks; ++rank)
    schedules.push_back(algorithm->emit(request, rank));
  const Run run{.placement = &setting.placement,
                .schedules = &schedules,
                .segments = options.segments,
                .bytes = static_cast<double>(options.bytes),
                .costs = options.costs,
                .most_boxes = kMostBoxes};
  const Timeline timeline = time_of(run);
  if (!timeline.fault.empty()) return bad_input(timeline.fault);
  const std::string title =
      fmt::format("{} {}, {} ranks, {}: {} a rank in {} segment{}", name_of(algorithm->collective),
                  algorithm->name, ranks, setting.name, bytes_text(run.bytes), run.segments,
                  run.segments == 1 ? "" : "s");
  wrong = write_file(options.out, picture(run, timeline, captions_of(run, timeline, title)));
  if (wrong.empty()) return 0;
  fmt::print(stderr, "hfreduce-sched: {}\n", wrong);
  return kFailed;
}

}  // namespace hfreduce::sched
