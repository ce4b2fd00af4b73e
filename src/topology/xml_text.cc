#include "topology/xml_text.h"

#include <fmt/core.h>

#include <charconv>

namespace hfreduce::topology {

std::string what_is_wrong(const std::string& text, unsigned version) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return "it is empty";
  if (text.size() > kMostXml)
    return fmt::format("it has {} bytes; no topology has more than {}", text.size(), kMostXml);
  if (text.find('\0') != std::string::npos) return "it is binary, not hwloc's XML";
  // An entity is never needed, and can stand for gigabytes, or for another file.
  if (text.find("<!ENTITY") != std::string::npos)
    return "it declares XML entities, which no topology of hwloc's does";
  const std::size_t start = text.find("<topology");
  if (start == std::string::npos) {
    if (text.find("<root") != std::string::npos) return "it is of hwloc 0.9 or older";
    return text.compare(0, 1, "<") == 0
               ? "it has no <topology>: cut off, or another kind of XML"
               : "it is not XML (`lstopo --of xml FILE` writes what is wanted)";
  }
  const std::size_t end = text.find('>', start);
  if (end == std::string::npos) return "it ends in the middle: cut off?";
  const std::string head = text.substr(start, end - start);
  constexpr std::string_view kVersion = " version=\"";
  if (const std::size_t at = head.find(kVersion); at != std::string::npos) {
    unsigned major = 0;
    const char* digits = head.data() + at + kVersion.size();
    const auto parsed = std::from_chars(digits, head.data() + head.size(), major);
    if (parsed.ec != std::errc() || major > version)
      return fmt::format("it is of another version ({}); this hwloc reads up to {}",
                         head.substr(at + 1, 24), version);
  }
  if (text.find("</topology>", end) == std::string::npos)
    return "it ends in the middle, without </topology>: cut off?";
  return {};
}

}  // namespace hfreduce::topology
