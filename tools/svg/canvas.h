// Writes SVG, for all programs that draw: nothing need be installed, and whatever words go in, what
// comes out is well formed.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace hfreduce::svg {

// Fit for text and attributes of XML: UTF-8 stays, whatever is none, or controls, becomes '?'.
std::string escaped(std::string_view text);

// Of an attribute: text, or a number with up to two places.
class Value {
 public:
  Value(std::string_view text) : text_(escaped(text)) {}      // NOLINT: written as it is meant
  Value(const char* text) : Value(std::string_view(text)) {}  // NOLINT
  Value(const std::string& text) : Value(std::string_view(text)) {}  // NOLINT
  template <typename Number, typename = std::enable_if_t<std::is_arithmetic_v<Number>>>
  Value(Number number) : text_(number_text(static_cast<double>(number))) {}  // NOLINT

  const std::string& text() const { return text_; }

 private:
  static std::string number_text(double number);

  std::string text_;
};

using Attributes = std::initializer_list<std::pair<std::string_view, Value>>;

// What is not drawn but said once.
struct Frame {
  double width = 0, height = 0;
  std::string title;        // of the picture
  std::string style;        // CSS, as it is
  std::string definitions;  // SVG, as it is
};

class Canvas {
 public:
  // `title`: what a viewer shows where the pointer is.
  void element(std::string_view name, Attributes attributes, std::string_view title = {});
  void text(double x, double y, Attributes attributes, std::string_view words);
  // What follows belongs together, until end_group.
  void begin_group(Attributes attributes, std::string_view title = {});
  void end_group() { body_ += "</g>\n"; }

  // On a white ground.
  std::string document(const Frame& frame) const;

 private:
  void open(std::string_view name, Attributes attributes);

  std::string body_;
};

}  // namespace hfreduce::svg
