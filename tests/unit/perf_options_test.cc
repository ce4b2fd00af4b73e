#include <gtest/gtest.h>

#include <vector>

#include "options.h"
#include "sizes.h"

namespace hfreduce::perf {
namespace {

struct Parsed {
  Options options;
  Early early;
};

Parsed parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "hfreduce-perf");
  Parsed parsed;
  parsed.options =
      parse_options(static_cast<int>(arguments.size()), arguments.data(), parsed.early);
  return parsed;
}

TEST(Sizes, SuffixesArePowersOf1024) {
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("17"), 17u);
  EXPECT_EQ(parse_size("8K"), 8192u);
  EXPECT_EQ(parse_size("8k"), 8192u);
  EXPECT_EQ(parse_size("3MiB"), 3u << 20);
  EXPECT_EQ(parse_size("3mb"), 3u << 20);
  EXPECT_EQ(parse_size("5B"), 5u);
  EXPECT_EQ(parse_size("2G"), 2ull << 30);
}

TEST(Sizes, WhatIsNoSize) {
  for (const char* text : {"", "K", "-1", "1.5K", "8X", "8KK", "8 K", "9223372036854775808",
                           "99999999999G", "0x10", "+3"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(Sizes, ShownInTheLargestUnit) {
  EXPECT_EQ(show_size(8), "8 B");
  EXPECT_EQ(show_size(1536), "1.5 KiB");
  EXPECT_EQ(show_size(32ull << 20), "32 MiB");
}

TEST(Sizes, SweepsByFactorAndByStep) {
  EXPECT_EQ(sizes_of({8, 128, 4, 0}, 4), (std::vector<std::uint64_t>{8, 32, 128}));
  EXPECT_EQ(sizes_of({8, 100, 2, 0}, 4), (std::vector<std::uint64_t>{8, 16, 32, 64}));
  EXPECT_EQ(sizes_of({100, 400, 0, 100}, 1), (std::vector<std::uint64_t>{100, 200, 300, 400}));
}

TEST(Sizes, WholeElementsNoneTwice) {
  EXPECT_EQ(sizes_of({1, 64, 2, 0}, 8), (std::vector<std::uint64_t>{0, 8, 16, 32, 64}));
  EXPECT_EQ(sizes_of({10, 11, 0, 1}, 4), (std::vector<std::uint64_t>{8}));
}

TEST(Sizes, EndsAtTheEdgeOfWhatANumberHolds) {
  const std::uint64_t most = 0x7fffffffffffffff;
  EXPECT_EQ(sizes_of({most / 2, most, 4, 0}, 1).size(), 1u);
  EXPECT_EQ(sizes_of({most - 1, most, 0, 5}, 1).size(), 1u);
  EXPECT_EQ(sizes_of({0, 10, 2, 0}, 1), (std::vector<std::uint64_t>{0}));
}

TEST(OptionsTest, Defaults) {
  const auto [options, early] = parse({});
  ASSERT_FALSE(early.leave) << early.sentence;
  EXPECT_EQ(options.collectives,
            (std::vector<Collective>{Collective::kAllReduce, Collective::kBroadcast}));
  ASSERT_EQ(options.types.size(), 1u);
  EXPECT_EQ(options.types[0]->name, "float32");
  EXPECT_EQ(options.ops[0]->name, "sum");
  EXPECT_EQ(options.places, (std::vector<Placing>{Placing::kOut, Placing::kIn}));
  EXPECT_EQ(options.checks, 1);
  EXPECT_EQ(options.ranks, 0);
  EXPECT_EQ(options.worker_fd, -1);
}

TEST(OptionsTest, LikeNcclTests) {
  const auto [options, early] =
      parse({"allreduce", "-b", "8",  "-e",   "128M", "-f",  "2",  "-n", "50",      "-w", "7",
             "-c",        "0",  "-d", "half", "-o",   "max", "-r", "3",  "--ranks", "4"});
  ASSERT_FALSE(early.leave) << early.sentence;
  EXPECT_EQ(options.collectives, (std::vector<Collective>{Collective::kAllReduce}));
  EXPECT_EQ(options.sweep.last, 128u << 20);
  EXPECT_EQ(options.sweep.factor, 2u);
  EXPECT_EQ(timed_calls(options, 8), 50);
  EXPECT_EQ(warm_up_calls(options, 8), 7);
  EXPECT_EQ(options.checks, 0);
  EXPECT_EQ(options.types[0]->name, "float16");
  EXPECT_EQ(options.ops[0]->value, hfreduceMax);
  EXPECT_EQ(options.root, 3);
  EXPECT_EQ(options.ranks, 4);
}

TEST(OptionsTest, AllOfThem) {
  const auto [options, early] = parse({"-d", "all", "-o", "all", "-r", "all", "--place", "in"});
  ASSERT_FALSE(early.leave) << early.sentence;
  EXPECT_EQ(options.types.size(), 15u);
  EXPECT_EQ(options.ops.size(), 8u);
  EXPECT_EQ(options.root, -1);
  EXPECT_EQ(options.places, (std::vector<Placing>{Placing::kIn}));
}

TEST(OptionsTest, OneEndOfTheSweepMovesTheOther) {
  EXPECT_EQ(parse({"-b", "1G"}).options.sweep.last, 1u << 30);
  EXPECT_EQ(parse({"-e", "4"}).options.sweep.first, 4u);
  EXPECT_EQ(parse({"-b", "1M", "-e", "4M", "-i", "1M"}).options.sweep.factor, 0u);
}

TEST(OptionsTest, AnOffsetKeepsElementsWhole) {
  EXPECT_EQ(parse({}).options.offset, 0u);
  EXPECT_EQ(parse({"--offset", "16", "-d", "all"}).options.offset, 16u);
  EXPECT_EQ(parse({"--offset", "2K"}).options.offset, 2048u);
  EXPECT_EQ(parse({"--offset", "2", "-d", "half"}).options.offset, 2u);
  EXPECT_EQ(parse({"--offset", "2"}).early.sentence,
            "--offset 2: must be a multiple of the 4 bytes of float32");
}

TEST(OptionsTest, TheLastOneCounts) {
  EXPECT_EQ(parse({"--ranks", "4", "--ranks", "2"}).options.ranks, 2);
}

TEST(OptionsTest, BadOnesAreSentencesAndStatus2) {
  const std::vector<std::vector<const char*>> bad = {
      {"gather"},
      {"-b", "8X"},
      {"-b", "2K", "-e", "1K"},
      {"-f", "1"},
      {"-i", "0"},
      {"-i", "8", "-f", "2"},
      {"-n", "0"},
      {"-n", "-3"},
      {"-c", "-1"},
      {"-d", "float8"},
      {"-o", "xor"},
      {"-o", "band"},
      {"-d", "bool", "-o", "avg"},
      {"-r", "-7"},
      {"-r", "4", "--ranks", "4"},
      {"--ranks", "0"},
      {"--ranks", "two"},
      {"--threads", "0"},
      {"--place", "beside"},
      {"--offset", "4096"},
      {"--offset", "-4"},
      {"--offset", "page"},
      {"--offset", "4", "-d", "all"},
      {"--nonsense"},
      {"--json"},
      {"--json", ""},
      {"--baseline", ""},
      {"-f", "two"},
      {"--ranks", "4096", "--threads", "2"},
  };
  for (const auto& arguments : bad) {
    const auto [options, early] = parse(arguments);
    EXPECT_TRUE(early.leave) << arguments[0];
    EXPECT_EQ(early.exit_status, 2) << arguments[0];
    EXPECT_FALSE(early.sentence.empty()) << arguments[0];
    EXPECT_TRUE(early.out.empty()) << arguments[0];
  }
}

TEST(OptionsTest, HelpIsNoError) {
  for (const char* option : {"--help", "-h", "--version"}) {
    const auto [options, early] = parse({option});
    EXPECT_TRUE(early.leave);
    EXPECT_EQ(early.exit_status, 0);
    EXPECT_FALSE(early.out.empty());
  }
  EXPECT_EQ(parse({"--help"}).early.out.find("--worker"), std::string::npos);
}

TEST(ParseOptions, FilesPeersAndRounds) {
  const Parsed p = parse({"--compare", "mpi,gloo", "--compare", "exec:a b", "--csv", "c", "--plot",
                          "p", "--baseline", "b", "--tolerance", "5", "--until-tight", "1.5",
                          "--cap", "20", "--compare-patience", "2", "broadcast"});
  ASSERT_FALSE(p.early.leave) << p.early.sentence;
  EXPECT_EQ(p.options.compare, (std::vector<std::string>{"mpi,gloo", "exec:a b"}));
  EXPECT_EQ(p.options.collectives, std::vector<Collective>{Collective::kBroadcast});
  EXPECT_EQ(p.options.csv + p.options.plot + p.options.baseline, "cpb");
  EXPECT_EQ(p.options.tolerance, 5);
  EXPECT_EQ(p.options.tight, 1.5);
  EXPECT_EQ(p.options.cap, 20);
  EXPECT_EQ(p.options.patience, 2);
  for (const char* option : {"--tolerance", "--until-tight", "--cap", "--compare-patience"}) {
    EXPECT_EQ(parse({option, "-1"}).early.exit_status, 2) << option;
    EXPECT_EQ(parse({option, "much"}).early.exit_status, 2) << option;
  }
}

}  // namespace
}  // namespace hfreduce::perf
