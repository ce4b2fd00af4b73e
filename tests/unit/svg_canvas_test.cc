#include <gtest/gtest.h>

#include "svg/canvas.h"

namespace hfreduce::svg {
namespace {

TEST(Escaped, WhateverGoesInIsText) {
  EXPECT_EQ(escaped("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;'");
  EXPECT_EQ(escaped(std::string("a\0b\x01\x7f\n", 6)), "a?b??\n");
  EXPECT_EQ(escaped("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
            "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
}

TEST(Escaped, WhatIsNoUtf8DoesNotComeThrough) {
  EXPECT_EQ(escaped("\xff\xfe"), "??");
  EXPECT_EQ(escaped("\xc3"), "?") << "cut";
  EXPECT_EQ(escaped("\xc3<"), "?&lt;") << "what follows is not eaten";
  EXPECT_EQ(escaped("\xc0\xbc"), "??") << "a '<' in more bytes than it needs";
  EXPECT_EQ(escaped("\xe0\x80\xbc"), "???");
  EXPECT_EQ(escaped("\xed\xa0\x80"), "???") << "half of a pair";
  EXPECT_EQ(escaped("\xc2\x80"), "??") << "a control";
  EXPECT_EQ(escaped("\xf4\x90\x80\x80"), "????") << "past the last one";
}

TEST(Canvas, ElementsAndGroups) {
  Canvas canvas;
  canvas.begin_group({{"class", "a\"b"}}, "<t>");
  canvas.element("rect", {{"x", 1.0}, {"y", 2.346}, {"width", 100}, {"class", ""}}, "a & b");
  canvas.element("circle", {{"r", -0.001}, {"cx", 1.0 / 0.0}});
  canvas.text(1.5, 2, {{"class", "small"}}, "1 < 2");
  canvas.end_group();
  const std::string all = canvas.document({10, 20, "T", "t{}", "<marker/>"});
  EXPECT_NE(all.find("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"20\" "
                     "viewBox=\"0 0 10 20\">\n<title>T</title>\n<style>t{}</style>\n"
                     "<defs><marker/></defs>\n"),
            std::string::npos)
      << all;
  EXPECT_NE(all.find("<g class=\"a&quot;b\">\n<title>&lt;t&gt;</title>\n"
                     "<rect x=\"1\" y=\"2.35\" width=\"100\"><title>a &amp; b</title></rect>\n"
                     "<circle r=\"0\" cx=\"0\"/>\n"
                     "<text x=\"1.5\" y=\"2\" class=\"small\">1 &lt; 2</text>\n</g>\n</svg>\n"),
            std::string::npos)
      << all;
}

}  // namespace
}  // namespace hfreduce::svg
