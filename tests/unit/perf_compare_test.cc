#include <gtest/gtest.h>

#include <map>

#include "failure.h"
#include "peer_columns.h"
#include "peer_daemons.h"
#include "peer_lines.h"
#include "peer_network.h"
#include "peer_spec.h"

namespace hfreduce::perf {
namespace {

std::string refused(const std::function<void()>& what, int status) {
  try {
    what();
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.exit_status(), status) << failure.what();
    return failure.what();
  }
  ADD_FAILURE() << "was not refused";
  return "";
}

FindProgram having(std::vector<std::string> names) {
  return [names](const std::string& name) -> std::string {
    for (const std::string& one : names) {
      if (one == name) return "/bin/" + name;
    }
    return "";
  };
}

const FindProgram kEverything =
    having({"hfreduce-peer-openmpi", "hfreduce-peer-mpich", "hfreduce-peer-gloo", "mpirun.openmpi",
            "mpiexec.mpich", "tool"});

TEST(CompareSpec, NamesAndSettings) {
  const auto specs = parse_compare({"mpi,gloo", "exec:tool -v  fast"}, {2, 2}, kEverything);
  ASSERT_EQ(specs.size(), 4u);
  EXPECT_EQ(specs[0].label, "openmpi");
  EXPECT_EQ(specs[0].launcher[0], "/bin/mpirun.openmpi");
  EXPECT_GT(specs[0].settings.size(), 3u);
  EXPECT_EQ(specs[1].label, "mpich");
  EXPECT_EQ(specs[2].label, "gloo");
  EXPECT_TRUE(specs[2].launcher.empty());
  EXPECT_EQ(specs[3].label, "tool");
  EXPECT_EQ(specs[3].program, (std::vector<std::string>{"/bin/tool", "-v", "fast"}));
}

TEST(CompareSpec, CrowdedOpenMpiYields) {
  const auto yields = [](int ranks, int cores) {
    const auto words = parse_compare({"openmpi"}, {ranks, cores}, kEverything)[0].launcher;
    return std::find(words.begin(), words.end(), "mpi_yield_when_idle") != words.end();
  };
  EXPECT_FALSE(yields(2, 2));
  EXPECT_TRUE(yields(4, 2));
}

TEST(CompareSpec, ColumnsHaveNamesOfTheirOwn) {
  const auto specs =
      parse_compare({"exec:tool,exec:tool", "exec:hfreduce"}, {2, 2}, having({"tool", "hfreduce"}));
  EXPECT_EQ(specs[0].label, "tool");
  EXPECT_EQ(specs[1].label, "tool#2");
  EXPECT_EQ(specs[2].label, "hfreduce#2");
}

TEST(CompareSpec, WhatIsMissingNamesItsPackage) {
  const auto sentence = [](const char* wish, const FindProgram& find) {
    return refused([&] { parse_compare({wish}, {2, 2}, find); }, kExitBadUsage);
  };
  EXPECT_NE(sentence("mpi", having({})).find("libopenmpi-dev"), std::string::npos);
  EXPECT_NE(sentence("mpich", having({})).find("libmpich-dev"), std::string::npos);
  EXPECT_NE(sentence("gloo", having({})).find("libgloo-dev"), std::string::npos);
  EXPECT_NE(sentence("openmpi", having({"hfreduce-peer-openmpi"})).find("openmpi-bin"),
            std::string::npos);
  EXPECT_NE(sentence("nccl", kEverything).find("unknown"), std::string::npos);
  EXPECT_NE(sentence("exec:", kEverything).find("without a program"), std::string::npos);
  EXPECT_NE(sentence(",", kEverything).find("names nothing"), std::string::npos);
  EXPECT_NE(sentence("exec:nothing", kEverything).find("no program"), std::string::npos);
  // MPI means whichever there is.
  const auto only = having({"hfreduce-peer-mpich", "mpiexec.mpich"});
  EXPECT_EQ(parse_compare({"mpi"}, {2, 2}, only).at(0).label, "mpich");
}

std::vector<std::string> words_of(PeerKind kind, const std::vector<PeerHost>& hosts) {
  PeerSpec spec{kind, "x", {"/lib/adapter"}, {"/bin/launch", "-n", "2", "--bind-to", "none"}, {}};
  return spread_launcher(spec, hosts);
}

std::string after(const std::vector<std::string>& words, const std::string& name) {
  const auto found = std::find(words.begin(), words.end(), name);
  return found == words.end() || found + 1 == words.end() ? "" : *(found + 1);
}

TEST(CompareHosts, LaunchersAreToldWhereTheRanksAre) {
  const std::vector<PeerHost> hosts = {{"10.0.1.1", "10.0.1.0/24", 2, "0=a,1=b"},
                                       {"10.0.2.1", "10.0.2.0/24", 1, "2=c"}};
  const auto open_mpi = words_of(PeerKind::kOpenMpi, hosts);
  EXPECT_EQ(after(open_mpi, "-n"), "3") << "of all hosts, not of this one";
  EXPECT_EQ(after(open_mpi, "--host"), "10.0.1.1:2,10.0.2.1:1");
  EXPECT_EQ(after(open_mpi, "btl_tcp_if_include"), "10.0.1.0/24,10.0.2.0/24");
  EXPECT_EQ(after(open_mpi, "plm_rsh_agent"), "/lib/adapter agent");
  const auto mpich = words_of(PeerKind::kMpich, hosts);
  EXPECT_EQ(after(mpich, "-hosts"), "10.0.1.1:2,10.0.2.1:1");
  EXPECT_EQ(after(mpich, "-launcher"), "manual");
  // One host needs neither agent nor network.
  EXPECT_EQ(after(words_of(PeerKind::kOpenMpi, {hosts[0]}), "--host"), "");
}

TEST(CompareHosts, WhatAgentsPassOnIsFoundByTheAddress) {
  const std::vector<PeerHost> hosts = {
      {"10.0.0.1", "", 1, ""}, {"10.0.0.2", "", 1, ""}, {"10.0.0.3", "", 1, ""}};
  const std::string third = "10.0.0.3 orted -x \"3\"\n", second = "10.0.0.2 orted -x \"2\"\n";
  EXPECT_FALSE(daemon_commands(PeerKind::kOpenMpi, third, hosts).complete);
  EXPECT_FALSE(daemon_commands(PeerKind::kOpenMpi, third + third, hosts).complete);
  EXPECT_FALSE(daemon_commands(PeerKind::kOpenMpi, third + "10.0.0.2 orted -x", hosts).complete)
      << "half a line";
  EXPECT_FALSE(daemon_commands(PeerKind::kOpenMpi, third + "10.9.9.9 rm\n", hosts).complete);
  const DaemonCommands all = daemon_commands(PeerKind::kOpenMpi, third + second, hosts);
  EXPECT_TRUE(all.complete);
  EXPECT_EQ(all.of_host, (std::vector<std::string>{"", "orted -x \"2\"", "orted -x \"3\""}));
}

TEST(CompareHosts, WhatHydraPrintsIsInTheOrderOfHosts) {
  const std::vector<PeerHost> hosts = {{"10.0.0.1", "", 1, ""}, {"10.0.0.2", "", 1, ""}};
  const std::string first = "HYDRA_LAUNCH: proxy 0\n", end = "HYDRA_LAUNCH_END\n";
  EXPECT_FALSE(daemon_commands(PeerKind::kMpich, first, hosts).complete);
  EXPECT_FALSE(daemon_commands(PeerKind::kMpich, first + end, hosts).complete) << "one is missing";
  const auto all =
      daemon_commands(PeerKind::kMpich, first + "HYDRA_LAUNCH: proxy 1\n" + end, hosts);
  EXPECT_TRUE(all.complete);
  EXPECT_EQ(all.of_host, (std::vector<std::string>{"proxy 0", "proxy 1"}));
}

TEST(CompareHosts, TheNetworkIsThatOfTheAddress) {
  const PeerNetwork loopback = network_of("127.0.0.1");
  EXPECT_EQ(loopback.interface, "lo");
  EXPECT_EQ(loopback.range, "127.0.0.0/8");
  const auto why = [](const char* address) {
    return refused([&] { network_of(address); }, kExitFailed);
  };
  EXPECT_NE(why("").find("no connection"), std::string::npos);
  EXPECT_NE(why("fd77::1").find("IPv4 only"), std::string::npos);
  EXPECT_NE(why("192.0.2.1").find("no network interface"), std::string::npos);
}

TEST(CompareLines, Requests) {
  PeerRequest r;
  r.type = find_type("float32");
  r.op = find_op("max");
  r.count = 12;
  r.iterations = 50;
  r.warm_up = 2;
  EXPECT_EQ(request_line(r), "allreduce float32 max 12 50 out each 2");
  r.collective = Collective::kBroadcast;
  r.root = 3;
  r.place = Placing::kIn;
  r.in_a_row = true;
  EXPECT_EQ(request_line(r), "broadcast float32 3 12 50 in row 2");
}

TEST(CompareLines, Answers) {
  const PeerAnswer plain = parse_answer("ok 2.5 4 1e0", 10, 1e6);
  EXPECT_EQ(plain.time.median, 2.5);
  EXPECT_EQ(plain.time.p99, 4);
  EXPECT_EQ(plain.time.min, 1);
  EXPECT_TRUE(plain.samples.empty());
  EXPECT_EQ(parse_answer("ok 2 3 1 1 2 3", 3, 100).samples, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(parse_answer("error no float16\x07 here", 3, 100).error, "no float16? here");
  EXPECT_FALSE(parse_answer("error no float16", 3, 100).cannot);
  EXPECT_TRUE(parse_answer("cannot have float16", 3, 100).cannot);
  EXPECT_FALSE(parse_answer("error", 3, 100).error.empty());
}

TEST(CompareLines, AnswersThatCannotBe) {
  for (const char* line : {"", "fine", "OK 1 2 1", "ok", "ok 1 2", "ok 1 2 x", "ok nan nan nan",
                           "ok nan 2 1", "ok 1 nan 1", "ok 1 2 nan", "ok 1 inf 1", "ok 2 1 1",
                           "ok 1 2 1.5", "ok 1 2 -1", "ok 1 2 1 1 1 1 1 1", "ok 1 2 1 -1",
                           "ok 1,5 2,5 1", "ok 100 100 100", "ok 9 30 1 9 9 30 1"}) {
    const std::string why = refused([&] { parse_answer(line, 4, 40); }, kExitFailed);
    EXPECT_NE(why.find("answered '"), std::string::npos) << line;
  }
}

TEST(CompareLines, TheSlowestRankCounts) {
  const PeerAnswer a{"", false, {2, 3, 1}, {1, 3, 2}}, b{"", false, {2, 9, 1}, {2, 1, 9}};
  const PeerAnswer both = slowest_of({a, b});
  EXPECT_EQ(both.samples, (std::vector<double>{2, 3, 9}));
  EXPECT_EQ(both.time.median, 3);
  const PeerAnswer mixed = slowest_of({a, {"", false, {5, 6, 0.5}, {}}});
  EXPECT_TRUE(mixed.samples.empty());
  EXPECT_EQ(mixed.time.median, 5);
  EXPECT_EQ(mixed.time.min, 1);
  EXPECT_EQ(slowest_of({a, {"cannot", false, {}, {}}}).error, "cannot");
}

TEST(CompareLines, RoundsComeTogether) {
  const Spread all =
      spread_of_rounds({{"", false, {2, 3, 1}, {1, 2, 3}}, {"", false, {5, 6, 4}, {4, 5, 6, 7}}});
  EXPECT_EQ(all.median, 4);
  EXPECT_EQ(all.p99, 7);
  const Spread told = spread_of_rounds(
      {{"", false, {2, 3, 1}, {}}, {"", false, {5, 6, 4}, {}}, {"", false, {3, 9, 2}, {}}});
  EXPECT_EQ(told.median, 3);
  EXPECT_EQ(told.p99, 9);
  EXPECT_EQ(told.min, 1);
}

Line compared(double ours, double theirs) {
  Line line;
  line.type = find_type("float32");
  line.op = find_op("sum");
  line.bytes = 4096;
  line.time = {ours, ours, ours};
  PeerFigure peer;
  peer.library = "openmpi";
  peer.known = theirs > 0;
  peer.time = {theirs, theirs, theirs};
  line.peers = {peer};
  return line;
}

TEST(CompareColumns, ATimeARatioAndTheirMean) {
  EXPECT_NE(table_head(compared(2, 6)).find("openmpi ours is"), std::string::npos);
  EXPECT_NE(table_row(compared(2, 6)).find("6.00   3.00x"), std::string::npos);
  EXPECT_NE(table_row(compared(2, 0)).find("-       -"), std::string::npos);
  const std::string foot = table_foot({compared(2, 8), compared(2, 2), compared(2, 0)});
  EXPECT_NE(
      foot.find("Beside openmpi: 2.00 times as fast, in the geometric mean of 2 cases; least 1.00"),
      std::string::npos)
      << foot;
  EXPECT_NE(table_foot({compared(2, 0)}).find("nothing could be compared"), std::string::npos);
}

}  // namespace
}  // namespace hfreduce::perf
