#include <gtest/gtest.h>

#include "overlap.h"
#include "work.h"

namespace hfreduce::perf {
namespace {

OverlapLine line_of(double computation, double collective, double both) {
  OverlapLine line;
  line.about.type = find_type("float32");
  line.about.op = find_op("sum");
  line.about.bytes = 4096;
  line.computation.median = computation;
  line.collective.median = collective;
  line.both.median = both;
  return line;
}

TEST(Overlap, HiddenIsAShareOfTheShorterOne) {
  EXPECT_DOUBLE_EQ(line_of(100, 100, 100).hidden_percent(), 100);
  EXPECT_DOUBLE_EQ(line_of(100, 100, 200).hidden_percent(), 0);
  EXPECT_DOUBLE_EQ(line_of(100, 50, 125).hidden_percent(), 50);
  EXPECT_DOUBLE_EQ(line_of(50, 100, 100).hidden_percent(), 100);
  EXPECT_DOUBLE_EQ(line_of(100, 100, 250).hidden_percent(), -50);
  EXPECT_DOUBLE_EQ(line_of(0, 0, 0).hidden_percent(), 0);
}

TEST(Overlap, SaysWhoHasWhichCores) {
  EXPECT_NE(overlap_head({2, 2, 2}).find("none is spare"), std::string::npos);
  EXPECT_NE(overlap_head({2, 4, 4}).find("4 ranks on 2 cores"), std::string::npos);
  EXPECT_NE(overlap_head({8, 4, 4}).find("a core of its own"), std::string::npos);
  EXPECT_NE(overlap_head({3, 2, 1}).find("a core of its own"), std::string::npos);
  EXPECT_NE(overlap_head({5, 4, 4}).find("4 progress threads share 1 spare core and"),
            std::string::npos);
}

TEST(Overlap, TableAndRecordsSayTheSame) {
  const OverlapLine line = line_of(100, 50, 125);
  EXPECT_NE(overlap_row(line).find(" 125.0       50 "), std::string::npos) << overlap_row(line);
  EXPECT_NE(overlap_foot({line, line_of(10, 10, 10)}).find("Hidden, of all    : 58 %"),
            std::string::npos);
  const Record record = overlap_records({5, 4, 4}, {line}).at(0);
  EXPECT_EQ(record["both_us"], 125);
  EXPECT_EQ(record["hidden_percent"], 50);
  EXPECT_EQ(record["spare_cores"], 1);
  EXPECT_TRUE(record["both_low_us"].is_null()) << "no samples, no interval";
}

TEST(Overlap, WorkIsDone) {
  Work work;
  EXPECT_GT(work.steps_per_us(), 0.1);
  EXPECT_LT(work.steps_per_us(), 1000) << "the compiler has removed it";
}

}  // namespace
}  // namespace hfreduce::perf
