#include <gtest/gtest.h>

#include <functional>

#include "axis.h"
#include "baseline.h"
#include "csv.h"
#include "failure.h"
#include "plot.h"
#include "svg.h"

namespace hfreduce::perf {
namespace {

Line example(double us, std::uint64_t bytes = 4096) {
  Line line;
  line.type = find_type("float32");
  line.op = find_op("sum");
  line.ranks = 2;
  line.bytes = bytes;
  line.time = {us, us * 2, us / 2, us * 0.99, us * 1.01};
  line.limit_us = us / 4;
  line.limit_by = "memory copy";
  line.algorithm = "ring";
  return line;
}

std::string json_of(const std::vector<Line>& lines) { return json_text({}, {}, records_of(lines)); }

std::size_t times(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST(Csv, NamesFirstAndOneRowForEachLibrary) {
  Line line = example(10);
  PeerFigure peer;
  peer.library = "odd \"name\", really";
  peer.known = true;
  peer.time = {30, 40, 20, 29, 31};
  line.peers = {peer, PeerFigure{"absent", false, {}, ""}};
  const std::string text = csv_text(records_of({line}));
  EXPECT_EQ(text.rfind("library,collective,type,op,root,", 0), 0u) << text;
  EXPECT_EQ(times(text, "\n"), 3u);
  EXPECT_NE(text.find("\nhfreduce,allreduce,float32,sum,,2,1,4096,out,10.0,20.0,5.0,"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\n\"odd \"\"name\"\", really\",allreduce,"), std::string::npos);
  EXPECT_EQ(text.find("absent"), std::string::npos);
}

TEST(Axis, PowersAndTheirPlaces) {
  const LogAxis axis(8, 1024, 2, 100, 800);
  EXPECT_DOUBLE_EQ(axis.at(8), 100);
  EXPECT_DOUBLE_EQ(axis.at(1024), 800);
  EXPECT_DOUBLE_EQ(axis.at(16), 200);
  EXPECT_EQ(axis.ticks(4), (std::vector<double>{8, 32, 128, 512}));
  EXPECT_EQ(axis.ticks(20).size(), 8u);
  const LogAxis up(1, 1000, 10, 0, 3);
  EXPECT_NEAR(up.at(1000), 3, 1e-9);
  EXPECT_NEAR(up.at(0.1), -1, 1e-9);
  const LogAxis one(64, 64, 2, 0, 10);
  EXPECT_DOUBLE_EQ(one.at(64), 0);
}

TEST(SvgTest, TextIsEscaped) {
  Svg svg(10, 10);
  svg.text(1, 2, "<a href=\"x\">&\x01");
  EXPECT_NE(svg.whole().find(">&lt;a href=&quot;x&quot;&gt;&amp;?</text>"), std::string::npos);
}

TEST(Plot, ACurveForEachLibraryAndOneForTheLimit) {
  std::vector<Line> lines;
  for (const std::uint64_t bytes : {64u, 4096u, 65536u}) {
    Line line = example(static_cast<double>(bytes) / 100, bytes);
    PeerFigure peer;
    peer.library = "gloo";
    peer.known = bytes > 64;
    peer.time = {static_cast<double>(bytes), 1, 1, 1, 1};
    line.peers = {peer};
    lines.push_back(line);
  }
  const std::string svg = plot_svg({}, lines);
  for (const char* name :
       {"<title>hfreduce</title>", "<title>gloo</title>", "<title>limit</title>"}) {
    EXPECT_EQ(times(svg, name), 2u) << name;
  }
  EXPECT_EQ(times(svg, "<circle"), 2u * (3 + 2)) << "a dot for each figure that is known";
  EXPECT_NE(svg.find("4 KiB"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

TEST(Plot, AxesAreInUnitsThatPeopleSay) {
  Line slow = example(20000, 8);
  slow.staged_us = 3;
  const std::string svg = plot_svg({}, {example(0.2), slow});
  for (const char* tick : {">10 ns<", ">1 us<", ">100 ms<", ">100 B/s<", ">10 kB/s<", ">100 MB/s<"})
    EXPECT_EQ(times(svg, tick), 1u) << tick;
  EXPECT_EQ(svg.find("e-0"), std::string::npos);
  EXPECT_EQ(times(svg, "<title>limit of staged buffers</title>"), 2u);
}

TEST(Records, FiguresHaveSixDigits) {
  Line line = example(0.1 + 0.2);
  line.limit_us = 1.0 / 3;
  const Record record = records_of({line}).front();
  EXPECT_EQ(record["median_us"].dump(), "0.3");
  EXPECT_EQ(record["limit_us"].dump(), "0.333333");
}

TEST(Plot, KindsOfCallsHavePicturesOfTheirOwn) {
  Line in = example(10);
  in.place = Placing::kIn;
  const std::string svg = plot_svg({}, {example(10), in});
  EXPECT_EQ(times(svg, "out of place"), 1u);
  EXPECT_EQ(times(svg, ", in place"), 1u);
  EXPECT_EQ(times(svg, ">bus bandwidth<"), 2u);
}

TEST(Plot, OfNothingIsASentence) {
  Line line = example(10, 0);
  for (const std::vector<Line>& lines : {std::vector<Line>{}, std::vector<Line>{line}}) {
    EXPECT_THROW(plot_svg({}, lines), Failure);
  }
  Line one_rank = example(10);  // its bus carries nothing
  one_rank.ranks = 1;
  EXPECT_NE(plot_svg({}, {one_rank}).find("nothing"), std::string::npos);
}

using Verdict = Against::Verdict;

TEST(BaselineTest, SlowerIsWhatLiesBeyondNoiseByTheClockAndByTheLimit) {
  const Baseline baseline = Baseline::parse("b", json_of({example(100)}));
  const auto verdict = [&](double us, double limit) {
    Line line = example(us);
    line.limit_us = limit;
    return baseline.judge(line, 0.1).verdict;
  };
  EXPECT_EQ(verdict(100, 25), Verdict::kSame);
  EXPECT_EQ(verdict(111, 25), Verdict::kSame) << "the intervals come within 10 %";
  EXPECT_EQ(verdict(114, 25), Verdict::kSlower);
  EXPECT_EQ(verdict(200, 50), Verdict::kSame) << "the machine was as much slower";
  EXPECT_EQ(verdict(200, 30), Verdict::kSlower);
  EXPECT_EQ(verdict(200, 0), Verdict::kSlower) << "without a limit the clock alone counts";
  EXPECT_EQ(verdict(80, 25), Verdict::kFaster);
  EXPECT_EQ(verdict(80, 20), Verdict::kSame);
  Line wide = example(130);
  wide.time.low = 105;
  wide.limit_us = 25;
  EXPECT_EQ(baseline.judge(wide, 0.1).verdict, Verdict::kSame) << "too uncertain";
}

TEST(BaselineTest, OnlyTheSameCaseCounts) {
  const Baseline baseline = Baseline::parse("b", json_of({example(100)}));
  EXPECT_EQ(baseline.judge(example(100), 0.1).was_us, 100);
  std::vector<std::function<void(Line&)>> changes = {
      [](Line& l) { l.bytes = 8; },
      [](Line& l) { l.ranks = 3; },
      [](Line& l) { l.hosts = 2; },
      [](Line& l) { l.place = Placing::kIn; },
      [](Line& l) { l.op = find_op("max"); },
      [](Line& l) { l.type = find_type("int32"); },
      [](Line& l) { l.collective = Collective::kBroadcast; },
      [](Line& l) { l.root = 1; }};
  for (const auto& change : changes) {
    Line other = example(100);
    change(other);
    EXPECT_EQ(baseline.judge(other, 0.1).verdict, Verdict::kUnknown);
  }
}

TEST(BaselineTest, FilesOfBeforeThereWereIntervals) {
  const Baseline baseline =
      Baseline::parse("b", R"({"schema": 1, "results": [{"library": "hfreduce",
    "collective": "allreduce", "type": "float32", "op": "sum", "ranks": 2, "hosts": 1, "bytes": 4096,
    "place": "out", "median_us": 50, "limit_us": null}]})");
  EXPECT_EQ(baseline.judge(example(50), 0.1).verdict, Verdict::kSame);
  EXPECT_EQ(baseline.judge(example(60), 0.1).verdict, Verdict::kSlower);
}

TEST(BaselineTest, WhatIsNoBaselineIsASentence) {
  const std::string good = json_of({example(100)});
  std::string other_schema = good, negative = good, text = good;
  other_schema.replace(good.find("\"schema\": 1"), 11, "\"schema\": 2");
  negative.replace(good.find("\"median_us\": 100"), 16, "\"median_us\": -10");
  text.replace(good.find("\"median_us\": 100"), 16, "\"median_us\": \"a\"");
  const std::string bad[] = {"",
                             "hello",
                             good.substr(0, good.size() / 2),
                             "[]",
                             "3",
                             "{}",
                             R"({"schema": 1, "results": 5})",
                             R"({"schema": 1, "results": []})",
                             R"({"schema": 1, "results": [1]})",
                             R"({"schema": 1, "results": [{}]})",
                             other_schema,
                             negative,
                             text};
  for (const std::string& one : bad) {
    try {
      Baseline::parse("old.json", one);
      ADD_FAILURE() << one;
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.exit_status(), kExitBadUsage);
      EXPECT_EQ(std::string(failure.what()).rfind("--baseline old.json: ", 0), 0u);
    }
  }
  Options options;
  for (const char* path : {"/nonexistent.json", "/"}) {
    options.baseline = path;
    EXPECT_THROW(Baseline::read(options), Failure);
  }
}

TEST(BaselineTest, MarksInTheTableAndTheFoot) {
  const Baseline baseline = Baseline::parse("b", json_of({example(100), example(200, 8192)}));
  Line slow = example(150), same = example(200, 8192), unknown = example(1, 64);
  slow.limit_us = 25;
  for (Line* line : {&slow, &same, &unknown}) line->against = baseline.judge(*line, 0.1);
  EXPECT_NE(table_row(slow).find("100.0    +50%!"), std::string::npos) << table_row(slow);
  EXPECT_NE(table_row(same).find("200.0      +0%"), std::string::npos) << table_row(same);
  EXPECT_EQ(table_row(same).find('!'), std::string::npos);
  const std::string foot = table_foot({slow, same, unknown}, "old.json");
  EXPECT_NE(foot.find("# SLOWER: allreduce of 4 KiB (float32 sum, out): 150.0 us, was 100.0 us"),
            std::string::npos)
      << foot;
  EXPECT_NE(foot.find("Against old.json: 2 of 3 cases are in it; 1 slower and 0 faster"),
            std::string::npos);
  EXPECT_EQ(table_foot({example(1)}).find("Against"), std::string::npos);
}

}  // namespace
}  // namespace hfreduce::perf
