#include "comm/greeting.h"

#include <fmt/core.h>

#include <algorithm>

#include "hfreduce.h"

namespace hfreduce::comm {
namespace {

constexpr std::size_t kLongestRefusal = 2000;

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.substr(0, kLongestRefusal);
}

}  // namespace

Greeting Greeting::from(const Settings& settings, const Status& refusal) {
  Greeting greeting;
  greeting.version = std::to_string(HFREDUCE_VERSION_CODE);
  greeting.refusal = one_line(refusal.text());
  greeting.algorithm = one_line(settings.algorithm);
  greeting.segment = settings.segment;
  greeting.leaders = settings.leaders;
  greeting.sockets = settings.sockets;
  greeting.checksum = settings.checksum;
  return greeting;
}

// One "key=value" a line.
std::string Greeting::pack() const {
  return fmt::format(
      "version={}\nrefusal={}\nalgorithm={}\nsegment={}\nleaders={}\nsockets={}\nchecksum={}\n"
      "here={}\n",
      version, refusal, algorithm, segment, leaders, sockets, checksum, here.pack());
}

Result<Greeting> Greeting::unpack(std::string_view text) {
  Greeting greeting;
  const auto number = [](std::string_view value, std::int64_t& field) -> Status {
    HFR_ASSIGN(field, parse_size(value));
    return {};
  };
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos)
      return Status(Code::kProtocolError, "a rank's greeting is no list of facts");
    const std::string_view key = line.substr(0, equals), value = line.substr(equals + 1);
    if (key == "version") greeting.version = value;
    if (key == "refusal") greeting.refusal = value;
    if (key == "algorithm") greeting.algorithm = value;
    if (key == "segment") HFR_TRY(number(value, greeting.segment));
    if (key == "leaders") HFR_TRY(number(value, greeting.leaders));
    if (key == "sockets") HFR_TRY(number(value, greeting.sockets));
    if (key == "here") greeting.here = Whereabouts::unpack(value);
    if (key == "checksum") HFR_TRY(number(value, greeting.checksum));
  }
  return greeting;
}

}  // namespace hfreduce::comm
