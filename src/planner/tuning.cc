#include "planner/tuning.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace hfreduce::planner {
namespace {

using algorithms::Collective;

constexpr std::string_view kHead = "hfreduce-tuning 1";
constexpr std::string_view kEnd = "\nend\n";  // without it the file was cut off
constexpr std::uint64_t kMostApart = 4;
constexpr std::size_t kMostLines = 100'000;
// None is measured with a smaller one, and large calls would take minutes.
constexpr std::uint32_t kLeastSegment = 1 << 10;

constexpr std::array kCollectives{std::pair{std::string_view("allreduce"), Collective::kAllReduce},
                                  std::pair{std::string_view("broadcast"), Collective::kBroadcast}};

std::string_view take_line(std::string_view* text) {
  const std::size_t end = std::min(text->find('\n'), text->size());
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(std::min(text->size(), end + 1));
  return line;
}

std::string_view take_word(std::string_view* line) {
  line->remove_prefix(std::min(line->find_first_not_of(' '), line->size()));
  const std::size_t end = std::min(line->find(' '), line->size());
  const std::string_view word = line->substr(0, end);
  line->remove_prefix(end);
  return word;
}

template <typename Number>
bool take_number(std::string_view* line, Number least, Number* number) {
  const std::string_view word = take_word(line);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), *number);
  return !word.empty() && error == std::errc() && end == word.data() + word.size() &&
         *number >= least;
}

Status damaged(std::string_view line) {
  std::string shown(line.substr(0, 60));
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
  return Status(Code::kInvalidArgument, fmt::format("it is damaged at \"{}\"", shown));
}

std::uint64_t apart(std::uint64_t a, std::uint64_t b) {
  return std::max(a, b) / std::max<std::uint64_t>(1, std::min(a, b));
}

}  // namespace

std::string Shape::to_text() const {
  const std::string text = fmt::format("{} {} {}", hosts, fewest, most);
  return groups > 0 ? fmt::format("{} {}", text, groups) : text;
}

Result<Tuning> Tuning::parse(std::string_view lines) {
  Tuning tuning;
  std::size_t count = 0;
  while (!lines.empty()) {
    const std::string_view line = take_line(&lines);
    if (line.empty()) continue;
    if (++count > kMostLines) return Status(Code::kInvalidArgument, "it is too long");
    std::string_view rest = line;
    const std::string_view name = take_word(&rest);
    const auto collective = std::find_if(kCollectives.begin(), kCollectives.end(),
                                         [&](const auto& it) { return it.first == name; });
    Measured measured;
    if (collective == kCollectives.end() || !take_number<std::uint64_t>(&rest, 1, &measured.bytes))
      return damaged(line);
    measured.algorithm = algorithms::find(collective->second, take_word(&rest));
    if (!take_number<std::uint32_t>(&rest, 0, &measured.segment_bytes) ||
        !take_number<std::int64_t>(&rest, 1, &measured.ns) || !take_word(&rest).empty())
      return damaged(line);
    if (measured.algorithm == nullptr) continue;  // of another version
    if (measured.segment_bytes != 0 && measured.segment_bytes < kLeastSegment) return damaged(line);
    tuning.measured_.push_back(measured);
  }
  return tuning;
}

std::string Tuning::to_text() const {
  std::string text;
  for (const Measured& it : measured_) {
    text += fmt::format("{} {} {} {} {}\n",
                        kCollectives[static_cast<std::size_t>(it.algorithm->collective)].first,
                        it.bytes, it.algorithm->name, it.segment_bytes, it.ns);
  }
  return text;
}

std::set<std::uint64_t> Tuning::sizes(Collective collective) const {
  std::set<std::uint64_t> sizes;
  for (const Measured& it : measured_)
    if (it.algorithm->collective == collective) sizes.insert(it.bytes);
  return sizes;
}

std::vector<Measured> Tuning::nearest(Collective collective, std::uint64_t bytes) const {
  std::uint64_t size = 0;
  for (const Measured& it : measured_) {
    if (it.algorithm->collective != collective) continue;
    if (size == 0 || apart(it.bytes, bytes) < apart(size, bytes)) size = it.bytes;
  }
  std::vector<Measured> found;
  if (size == 0 || apart(size, bytes) > kMostApart) return found;
  for (const Measured& it : measured_)
    if (it.algorithm->collective == collective && it.bytes == size) found.push_back(it);
  std::stable_sort(found.begin(), found.end(),
                   [](const Measured& a, const Measured& b) { return a.ns < b.ns; });
  return found;
}

Result<TuningFile> TuningFile::parse(std::string_view text) {
  if (take_line(&text) != kHead)
    return Status(Code::kInvalidArgument, fmt::format("it does not begin with \"{}\"", kHead));
  if (!text.ends_with(kEnd)) return Status(Code::kInvalidArgument, "its end is missing");
  text.remove_suffix(kEnd.size());
  TuningFile file;
  constexpr std::string_view kMachine = "machine ", kShape = "shape ";
  std::string_view line = take_line(&text);
  if (!line.starts_with(kMachine)) return damaged(line);
  file.machine = line.substr(kMachine.size());
  while (!text.empty()) {
    line = take_line(&text);
    if (line.empty()) continue;
    std::string_view rest = line;
    Shape shape;
    if (take_word(&rest) != "shape" || !take_number(&rest, 1, &shape.hosts) ||
        !take_number(&rest, 1, &shape.fewest) || !take_number(&rest, 1, &shape.most) ||
        (!rest.empty() && !take_number(&rest, 1, &shape.groups)))
      return damaged(line);
    const std::size_t next = text.find("\nshape ");
    const std::size_t end = text.starts_with(kShape)         ? 0
                            : next == std::string_view::npos ? text.size()
                                                             : next + 1;
    HFR_ASSIGN(file.shapes[shape], Tuning::parse(text.substr(0, end)));
    text.remove_prefix(end);
  }
  return file;
}

}  // namespace hfreduce::planner
