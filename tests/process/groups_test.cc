// Ranks of one host in groups, as processes with a label each: which algorithm is taken, and that
// what groups have added up is added up in their order, to the bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "harness/forked_ranks.h"
#include "harness/types.h"
#include "kernels/cpu/reduce.h"

namespace {

using harness::Bytes;
using harness::Job;
using harness::kOps;
using harness::kTypes;
using harness::last_error;
using harness::plan_of;
using harness::random_bytes;
using harness::reduced;
using harness::run;
using harness::size_of;
using harness::Type;
using hfreduce::kernels::DataType;
using hfreduce::kernels::ReduceOp;
using testing::HasSubstr;
using testing::Not;

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

struct Kind {
  Type type;
  hfreduceRedOp_t op;
  ReduceOp by;
};

std::vector<Kind> all_kinds() {
  std::vector<Kind> kinds;
  for (const Type& type : kTypes)
    for (const auto& [op, by] : kOps)
      if (hfreduce::kernels::has_kernel(type.inside, by)) kinds.push_back({type, op, by});
  return kinds;
}

Bytes sum_of(const Kind& kind, const std::vector<Bytes>& in, std::int64_t divisor = 0) {
  return reduced(kind.type, kind.by, in, divisor);
}

// In place, by the algorithm of this name.
void allreduce(const Kind& kind, Bytes* data, hfreduceComm_t comm, const char* name) {
  hfreduceCallConfig_t config = HFREDUCE_CALL_CONFIG_INITIALIZER;
  config.algorithm = name;
  const std::size_t count = data->size() / size_of(kind.type);
  ASSERT_EQ(hfreduceAllReduceEx(data->data(), data->data(), count, kind.type.value, kind.op, comm,
                                &config),
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
        for (int peer = 0; peer < 5; ++peer)
          in.push_back(random_bytes(bytes, static_cast<std::uint64_t>(peer) + 1));
        const std::int64_t divisor = kind.op == hfreduceAvg ? 5 : 0;
        const Bytes expected = sum_of(
            kind, {sum_of(kind, {in[0], in[2], in[3]}), sum_of(kind, {in[1], in[4]})}, divisor);
        Bytes data = in[static_cast<std::size_t>(rank)];
        allreduce(kind, &data, comm, "grouped");
        ASSERT_TRUE(data == expected)
            << bytes << " bytes of type " << kind.type.value << ", operation " << kind.op;
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
    const Kind kind{{hfreduceBfloat16, DataType::kBfloat16}, hfreduceSum, ReduceOp::kSum};
    std::vector<Bytes> in;
    for (int peer = 0; peer < 8; ++peer)
      in.push_back(random_bytes(200'000, static_cast<std::uint64_t>(peer) + 1));
    const auto sum = [&](const Bytes& a, const Bytes& b) { return sum_of(kind, {a, b}); };
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
        const Bytes sent = random_bytes(bytes, static_cast<std::uint64_t>(root) + 1);
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
