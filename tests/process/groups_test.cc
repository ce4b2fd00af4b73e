// Ranks of one host in groups, as processes with a label each: which algorithm is taken, and that
// what groups have added up is added up in their order, to the bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "harness/forked_ranks.h"
#include "kernels/cpu/reduce.h"

namespace {

using harness::Job;
using harness::last_error;
using harness::plan_of;
using harness::run;
using hfreduce::kernels::DataType;
using hfreduce::kernels::ReduceOp;
using testing::HasSubstr;
using testing::Not;

using Bytes = std::vector<std::byte>;

// Ranks with these labels, then `body`.
void run_grouped(const std::vector<const char*>& labels,
                 std::function<void(int, hfreduceComm_t, const std::string&)> body) {
  Job job;
  job.ranks = static_cast<int>(labels.size());
  job.before = [&](int rank) {
    setenv("HFREDUCE_GROUP", labels[static_cast<std::size_t>(rank)], 1);
  };
  job.body = std::move(body);
  run(job);
}

Bytes random_bytes(std::size_t bytes, int seed) {
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  Bytes data(bytes);
  for (std::byte& byte : data) byte = static_cast<std::byte>(random());
  return data;
}

struct Kind {
  hfreduceDataType_t type;
  hfreduceRedOp_t op;
  DataType inside;
  ReduceOp by;
};

std::vector<Kind> all_kinds() {
  const std::pair<hfreduceDataType_t, DataType> types[] = {
      {hfreduceInt8, DataType::kInt8},
      {hfreduceUint8, DataType::kUint8},
      {hfreduceInt16, DataType::kInt16},
      {hfreduceUint16, DataType::kUint16},
      {hfreduceInt32, DataType::kInt32},
      {hfreduceUint32, DataType::kUint32},
      {hfreduceInt64, DataType::kInt64},
      {hfreduceUint64, DataType::kUint64},
      {hfreduceFloat16, DataType::kFloat16},
      {hfreduceBfloat16, DataType::kBfloat16},
      {hfreduceFloat32, DataType::kFloat32},
      {hfreduceFloat64, DataType::kFloat64},
      {hfreduceBool, DataType::kBool},
      {hfreduceFloat8e4m3, DataType::kFloat8E4m3},
      {hfreduceFloat8e5m2, DataType::kFloat8E5m2}};
  const std::pair<hfreduceRedOp_t, ReduceOp> ops[] = {
      {hfreduceSum, ReduceOp::kSum},     {hfreduceProd, ReduceOp::kProd},
      {hfreduceMax, ReduceOp::kMax},     {hfreduceMin, ReduceOp::kMin},
      {hfreduceAvg, ReduceOp::kAvg},     {hfreduceBitAnd, ReduceOp::kBitAnd},
      {hfreduceBitOr, ReduceOp::kBitOr}, {hfreduceBitXor, ReduceOp::kBitXor}};
  std::vector<Kind> kinds;
  for (const auto& [type, inside] : types)
    for (const auto& [op, by] : ops)
      if (hfreduce::kernels::has_kernel(inside, by)) kinds.push_back({type, op, inside, by});
  return kinds;
}

// By the portable kernel, all sources in one step.
Bytes reduced(const Kind& kind, const std::vector<Bytes>& in, std::int64_t divisor) {
  int tables = 0;
  Bytes out(in[0].size());
  std::vector<const void*> sources;
  for (const Bytes& source : in) sources.push_back(source.data());
  void* destination = out.data();
  hfreduce::kernels::ReduceArgs args;
  args.sources = sources.data();
  args.destinations = &destination;
  args.n_sources = static_cast<std::int32_t>(in.size());
  args.n_destinations = 1;
  args.count = out.size() / hfreduce::kernels::size_of(kind.inside);
  args.divisor = divisor;
  hfreduce::kernels::all_kernels(&tables)[0]
      ->reduce[static_cast<int>(kind.inside)][static_cast<int>(kind.by)](args);
  return out;
}

// In place, by the algorithm of this name.
void allreduce(const Kind& kind, Bytes* data, hfreduceComm_t comm, const char* name) {
  hfreduceCallConfig_t config = HFREDUCE_CALL_CONFIG_INITIALIZER;
  config.algorithm = name;
  const std::size_t count = data->size() / hfreduce::kernels::size_of(kind.inside);
  ASSERT_EQ(
      hfreduceAllReduceEx(data->data(), data->data(), count, kind.type, kind.op, comm, &config),
      hfreduceSuccess)
      << last_error(comm);
}

TEST(Groups, AddUpInTheirOrderToTheBit) {
  // Ranks 0, 2 and 3 are one group, 1 and 4 the other.
  run_grouped({"a", "b", "a", "a", "b"}, [](int rank, hfreduceComm_t comm, const std::string&) {
    for (const std::size_t bytes : {std::size_t{8}, std::size_t{5'000}, std::size_t{300'000}}) {
      for (const Kind& kind : all_kinds()) {
        if (bytes > 5'000 && kind.op != hfreduceSum) continue;
        std::vector<Bytes> in;
        for (int peer = 0; peer < 5; ++peer) in.push_back(random_bytes(bytes, peer + 1));
        const std::int64_t divisor = kind.op == hfreduceAvg ? 5 : 0;
        const Bytes expected = reduced(
            kind, {reduced(kind, {in[0], in[2], in[3]}, 0), reduced(kind, {in[1], in[4]}, 0)},
            divisor);
        Bytes data = in[static_cast<std::size_t>(rank)];
        allreduce(kind, &data, comm, "grouped");
        ASSERT_TRUE(data == expected)
            << bytes << " bytes of type " << kind.type << ", operation " << kind.op;
      }
    }
  });
}

TEST(Groups, OfTwoLevelsAddUpFromTheInnermostOn) {
  const std::vector<const char*> labels{"p/a", "p/b", "p/a", "p/b", "q/a", "q/a", "q/b", "q/b"};
  run_grouped(labels, [](int rank, hfreduceComm_t comm, const std::string& explained) {
    if (rank == 0) {
      EXPECT_THAT(explained, HasSubstr("0,2 | 1,3 | 4-5 | 6-7; in 0-3 | 4-7"));
    }
    const Kind kind{hfreduceBfloat16, hfreduceSum, DataType::kBfloat16, ReduceOp::kSum};
    std::vector<Bytes> in;
    for (int peer = 0; peer < 8; ++peer) in.push_back(random_bytes(200'000, peer + 1));
    const auto sum = [&](const Bytes& a, const Bytes& b) { return reduced(kind, {a, b}, 0); };
    const Bytes expected =
        sum(sum(sum(in[0], in[2]), sum(in[1], in[3])), sum(sum(in[4], in[5]), sum(in[6], in[7])));
    Bytes data = in[static_cast<std::size_t>(rank)];
    allreduce(kind, &data, comm, "grouped");
    EXPECT_TRUE(data == expected);
  });
}

TEST(Groups, HandOutWhatAnyRootHas) {
  run_grouped({"a", "b", "a", "b", "c"}, [](int rank, hfreduceComm_t comm, const std::string&) {
    hfreduceCallConfig_t config = HFREDUCE_CALL_CONFIG_INITIALIZER;
    config.algorithm = "grouped";
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{70'000}, std::size_t{3'000'000}}) {
      for (int root = 0; root < 5; ++root) {
        const Bytes sent = random_bytes(bytes, root + 1);
        Bytes data = rank == root ? sent : Bytes(bytes);
        ASSERT_EQ(hfreduceBroadcastEx(data.data(), data.data(), bytes, hfreduceUint8, root, comm,
                                      &config),
                  hfreduceSuccess)
            << last_error(comm);
        ASSERT_TRUE(data == sent) << bytes << " bytes from " << root;
      }
    }
  });
}

TEST(Groups, ArePlannedWithWhereThereAreAny) {
  const auto call = [](hfreduceComm_t comm) {
    Bytes data(1 << 20);
    EXPECT_EQ(hfreduceAllReduce(data.data(), data.data(), data.size(), hfreduceUint8, hfreduceSum,
                                comm, nullptr),
              hfreduceSuccess)
        << last_error(comm);
  };
  run_grouped({"0", "0", "0", "1", "1", "1"}, [&](int rank, hfreduceComm_t comm,
                                                  const std::string& text) {
    call(comm);
    EXPECT_THAT(plan_of(comm), HasSubstr("\"groups\":2,\"algorithm\":\"grouped\""));
    if (rank == 0) {
      EXPECT_THAT(text, HasSubstr("in groups by cache or package (or HFREDUCE_GROUP): 0-2 | 3-5."));
      EXPECT_THAT(text, HasSubstr("Algorithm grouped follows them"));
    }
  });
  run_grouped({"0", "0", "0", "0"}, [&](int rank, hfreduceComm_t comm, const std::string& text) {
    call(comm);
    EXPECT_THAT(plan_of(comm), Not(HasSubstr("grouped")));
    if (rank == 0) {
      EXPECT_THAT(text, HasSubstr("no host has two of them"));
    }
    hfreduceCallConfig_t config = HFREDUCE_CALL_CONFIG_INITIALIZER;
    config.algorithm = "grouped";
    int word = 0;
    EXPECT_EQ(hfreduceAllReduceEx(&word, &word, 1, hfreduceInt32, hfreduceSum, comm, &config),
              hfreduceInvalidArgument);
    EXPECT_THAT(last_error(), HasSubstr("groups"));
  });
}

}  // namespace
