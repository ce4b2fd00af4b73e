#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "failure.h"
#include "files.h"
#include "floor.h"
#include "records.h"
#include "report.h"
#include "statistics.h"

namespace hfreduce::perf {
namespace {

TEST(Statistics, MedianP99AndMinimum) {
  EXPECT_EQ(spread_of({}).median, 0);
  EXPECT_EQ(spread_of({5}).p99, 5);
  EXPECT_EQ(spread_of({3, 1, 2}).median, 2);
  EXPECT_EQ(spread_of({4, 1, 2, 3}).median, 2.5);
  std::vector<double> hundred;
  for (int i = 100; i >= 1; --i) hundred.push_back(i);
  EXPECT_EQ(spread_of(hundred).p99, 99);
  EXPECT_EQ(spread_of(hundred).min, 1);
  hundred.push_back(101);
  EXPECT_EQ(spread_of(hundred).p99, 100);
}

TEST(Statistics, Bandwidths) {
  EXPECT_DOUBLE_EQ(algorithm_bandwidth(1'000'000, 100), 10);
  EXPECT_DOUBLE_EQ(algorithm_bandwidth(1, 0), 0);
  EXPECT_DOUBLE_EQ(bus_bandwidth(Collective::kAllReduce, 4, 10), 15);
  EXPECT_DOUBLE_EQ(bus_bandwidth(Collective::kAllReduce, 1, 10), 0);
  EXPECT_DOUBLE_EQ(bus_bandwidth(Collective::kBroadcast, 4, 10), 10);
}

TEST(FloorTest, InAHost) {
  Measured measured;
  measured.copy = 10;
  measured.hand_over = 0.1;
  const Floor large = floor_of({2, 1, 2, 2}, measured);
  EXPECT_DOUBLE_EQ(large.us, 10.1);
  EXPECT_EQ(large.by, "memory copy");
  measured.copy = 0.02;
  EXPECT_EQ(floor_of({2, 1, 2, 2}, measured).by, "cache-line hand-over");
  measured.turn = 2;
  const Floor crowded = floor_of({5, 1, 5, 2}, measured);
  EXPECT_DOUBLE_EQ(crowded.us, 4.12);
  EXPECT_EQ(crowded.by, "scheduler turn");
}

TEST(FloorTest, BetweenHosts) {
  const Measured measured{10, 0.1, 0, 300, 20};
  EXPECT_DOUBLE_EQ(floor_of({2, 2, 1, 2}, measured).us, 300);
  const Floor floor = floor_of({8, 8, 1, 2}, measured);
  EXPECT_DOUBLE_EQ(floor.us, 340);
  EXPECT_EQ(floor.by, "plain sockets");
  EXPECT_EQ(wire_bytes(Collective::kAllReduce, 2, 1000), 1000u);
  EXPECT_EQ(wire_bytes(Collective::kAllReduce, 4, 1000), 1500u);
  EXPECT_EQ(wire_bytes(Collective::kBroadcast, 4, 1000), 1000u);
}

TEST(FloorTest, NothingMeasuredIsUnknown) { EXPECT_EQ(floor_of({1, 1, 1, 1}, {}).us, 0); }

Line example() {
  Line line;
  line.type = find_type("float32");
  line.op = find_op("sum");
  line.ranks = 4;
  line.bytes = 1 << 20;
  line.place = Placing::kIn;
  line.time = {200, 250, 190, 195, 205};
  line.limit_us = 50;
  line.limit_by = "memory copy";
  line.staged_us = 120;
  line.algorithm = "ring";
  line.rounds = 6;
  line.rounds_kept = 5;
  line.preempted = 2;
  line.noisy = true;
  return line;
}

TEST(Report, JsonHasTheSchema) {
  const auto json = nlohmann::json::parse(json_text({}, {}, records_of({example()})));
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["config"]["ranks"], 1);
  ASSERT_EQ(json["results"].size(), 1u);
  const auto& result = json["results"][0];
  EXPECT_EQ(result["library"], "hfreduce");
  EXPECT_EQ(result["collective"], "allreduce");
  EXPECT_EQ(result["type"], "float32");
  EXPECT_EQ(result["op"], "sum");
  EXPECT_EQ(result["ranks"], 4);
  EXPECT_EQ(result["hosts"], 1);
  EXPECT_EQ(result["bytes"], 1 << 20);
  EXPECT_EQ(result["place"], "in");
  EXPECT_DOUBLE_EQ(result["median_us"], 200);
  EXPECT_DOUBLE_EQ(result["p99_us"], 250);
  EXPECT_DOUBLE_EQ(result["min_us"], 190);
  EXPECT_NEAR(result["algbw_GBps"], 5.24288, 1e-9);
  EXPECT_NEAR(result["busbw_GBps"], 7.86432, 1e-9);
  EXPECT_DOUBLE_EQ(result["limit_us"], 50);
  EXPECT_DOUBLE_EQ(result["percent_of_limit"], 25);
  EXPECT_EQ(result["limit_by"], "memory copy");
  EXPECT_DOUBLE_EQ(result["staged_limit_us"], 120);
  EXPECT_DOUBLE_EQ(result["percent_of_staged_limit"], 60);
  EXPECT_EQ(result["algorithm"], "ring");
  EXPECT_EQ(result["wrong"], 0);
  EXPECT_TRUE(result["root"].is_null());
  EXPECT_TRUE(result["hfreduce_times_as_fast"].is_null());
  EXPECT_DOUBLE_EQ(result["median_low_us"], 195);
  EXPECT_DOUBLE_EQ(result["median_high_us"], 205);
  EXPECT_TRUE(result["baseline_us"].is_null());
  EXPECT_TRUE(result["regressed"].is_null());
  EXPECT_EQ(result["rounds"], 6);
  EXPECT_EQ(result["rounds_kept"], 5);
  EXPECT_EQ(result["noisy"], true);
  EXPECT_EQ(result["preempted"], 2);
  EXPECT_EQ(result.size(), 30u) << "and nothing else";
}

TEST(Report, WhatIsNotKnownIsNull) {
  Line line = example();
  line.limit_us = line.staged_us = 0;
  line.checked = false;
  line.op = nullptr;
  const auto json = nlohmann::json::parse(json_text({}, {}, records_of({line})));
  const auto& result = json["results"][0];
  for (const char* key : {"limit_us", "percent_of_limit", "limit_by", "staged_limit_us",
                          "percent_of_staged_limit", "wrong", "op"}) {
    EXPECT_TRUE(result[key].is_null()) << key;
  }
}

TEST(Report, RowsHaveAllColumns) {
  const std::string row = table_row(example());
  for (const char* cell : {"1048576", "262144", "float32", "sum", "200.0", "250.0", "190.0", "5.24",
                           "7.86", "25 %", "50.00", "60 %", "120.0", "memory copy", "ring"}) {
    EXPECT_NE(row.find(cell), std::string::npos) << cell;
  }
  EXPECT_NE(table_foot({example()}).find("0 OK"), std::string::npos);
  Line wrong = example();
  wrong.wrong = 3;
  EXPECT_NE(table_foot({wrong}).find("3 FAILED"), std::string::npos);
}

TEST(Report, AFileIsReplacedByAWholeOneOnly) {
  const std::string path = ::testing::TempDir() + "hfreduce-perf-results";
  write_file(path, "old");
  write_file(path, "new and whole");
  std::ifstream file(path);
  std::string text;
  std::getline(file, text);
  EXPECT_EQ(text, "new and whole");
  std::remove(path.c_str());
}

TEST(Statistics, TheIntervalOfTheMedian) {
  std::vector<double> hundred;
  for (int i = 1; i <= 100; ++i) hundred.push_back(i);
  EXPECT_EQ(spread_of(hundred).low, 41);
  EXPECT_EQ(spread_of(hundred).high, 61);
  EXPECT_EQ(spread_of({7}).low, 7);
  EXPECT_EQ(spread_of({7}).high, 7);
  EXPECT_EQ(spread_of({1, 9}).low, 1);
  EXPECT_EQ(spread_of({1, 9}).high, 9);
}

TEST(Report, AFullDiskAndAMissingFolderAreSentences) {
  for (const char* path : {"/dev/full", "/nonexistent/file.json"}) {
    try {
      write_file(path, std::string(100'000, 'x'));
      ADD_FAILURE() << path << " took it";
    } catch (const Failure& failure) {
      EXPECT_NE(std::string(failure.what()).find(path), std::string::npos);
      EXPECT_EQ(failure.exit_status(), 1);
    }
  }
}

}  // namespace
}  // namespace hfreduce::perf
