#include "svg/canvas.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstddef>

namespace hfreduce::svg {
namespace {

// How many bytes the character at the front takes; 0: it is none that XML may hold.
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return byte(0) >= 0x20 && byte(0) != 0x7f ? 1 : 0;
  const std::size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) return 0;
  char32_t code = byte(0) & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  const bool control = code < 0xa0 || code == 0xfffe || code == 0xffff;
  return code < kLeast[length] || code > 0x10ffff || surrogate || control ? 0 : length;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const std::size_t length = character(text);
    switch (text.front()) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\n':
        safe += '\n';
        break;
      default:
        safe += length == 0 ? "?" : text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return safe;
}

std::string Value::number_text(double number) {
  if (!std::isfinite(number)) return "0";
  std::string text = fmt::format("{:.2f}", number);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

void Canvas::open(std::string_view name, Attributes attributes) {
  body_ += fmt::format("<{}", name);
  for (const auto& [key, value] : attributes) {
    if (!value.text().empty()) body_ += fmt::format(" {}=\"{}\"", key, value.text());
  }
}

void Canvas::element(std::string_view name, Attributes attributes, std::string_view title) {
  open(name, attributes);
  if (title.empty()) {
    body_ += "/>\n";
  } else {
    body_ += fmt::format("><title>{}</title></{}>\n", escaped(title), name);
  }
}

void Canvas::text(double x, double y, Attributes attributes, std::string_view words) {
  open("text", {{"x", x}, {"y", y}});
  for (const auto& [key, value] : attributes) {
    if (!value.text().empty()) body_ += fmt::format(" {}=\"{}\"", key, value.text());
  }
  body_ += fmt::format(">{}</text>\n", escaped(words));
}

void Canvas::begin_group(Attributes attributes, std::string_view title) {
  open("g", attributes);
  body_ += ">\n";
  if (!title.empty()) body_ += fmt::format("<title>{}</title>\n", escaped(title));
}

std::string Canvas::document(const Frame& frame) const {
  std::string text = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
      "width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\">\n",
      frame.width, frame.height);
  if (!frame.title.empty()) text += fmt::format("<title>{}</title>\n", escaped(frame.title));
  if (!frame.style.empty()) text += fmt::format("<style>{}</style>\n", frame.style);
  if (!frame.definitions.empty()) text += fmt::format("<defs>{}</defs>\n", frame.definitions);
  return text + "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n" + body_ + "</svg>\n";
}

}  // namespace hfreduce::svg
