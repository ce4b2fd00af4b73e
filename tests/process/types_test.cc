// Every type and operation, and created operations, through the C API with the ranks as threads of
// one process. Expected bits are worked out here, with the portable kernel at most.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/team.h"
#include "harness/types.h"
#include "hfreduce.h"
#include "kernels/cpu/reduce.h"

namespace {

using harness::Bytes;
using harness::kOps;
using harness::kTypes;
using harness::last_error;
using harness::random_bytes;
using harness::reduced;
using harness::size_of;
using harness::Team;
using harness::Type;
using hfreduce::kernels::DataType;
using hfreduce::kernels::ReduceOp;
using testing::HasSubstr;

// Memory that peers can map, or ordinary.
class Buffer {
 public:
  Buffer(std::size_t bytes, bool mapped) : mapped_(mapped), ordinary_(mapped ? 0 : bytes + 1) {
    if (mapped) {
      EXPECT_EQ(hfreduceMemAlloc(&memory_, bytes + 1, nullptr), hfreduceSuccess) << last_error();
    }
  }
  ~Buffer() {
    if (mapped_) {
      EXPECT_EQ(hfreduceMemFree(memory_), hfreduceSuccess);
    }
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  std::byte* data() { return mapped_ ? static_cast<std::byte*>(memory_) : ordinary_.data(); }

 private:
  bool mapped_;
  void* memory_ = nullptr;
  Bytes ordinary_;
};

TEST(Types, EveryTypeAndOperationOrASentence) {
  constexpr std::size_t kCount = 333;
  Team team(2);
  for (const Type& type : kTypes) {
    for (const auto& [op, inside] : kOps) {
      const bool has = hfreduce::kernels::has_kernel(type.inside, inside);
      const std::vector<Bytes> in = {random_bytes(kCount * size_of(type), 1),
                                     random_bytes(kCount * size_of(type), 2)};
      const Bytes expected = has ? reduced(type, inside, in, op == hfreduceAvg ? 2 : 0) : Bytes();
      team.each([&, op = op](int rank, hfreduceComm_t comm) {
        const Bytes& mine = in[static_cast<std::size_t>(rank)];
        Bytes out(mine.size());
        const hfreduceResult_t result =
            hfreduceAllReduce(mine.data(), out.data(), kCount, type.value, op, comm, nullptr);
        if (has) {
          ASSERT_EQ(result, hfreduceSuccess) << last_error();
          ASSERT_EQ(out, expected) << name_of(type.inside) << " " << op;
        } else {
          ASSERT_EQ(result, hfreduceInvalidArgument);
          ASSERT_THAT(last_error(), HasSubstr(type.value == hfreduceBool ? "average" : "bitwise"));
        }
      });
    }
  }
}

TEST(Types, TypesOfOneSizeAreToldApart) {
  Team team(2);
  team.each([](int rank, hfreduceComm_t comm) {
    std::int16_t data = 1;
    EXPECT_EQ(hfreduceAllReduce(&data, &data, 1, rank == 0 ? hfreduceInt16 : hfreduceUint16,
                                hfreduceSum, comm, nullptr),
              hfreduceMismatch);
    EXPECT_THAT(last_error(), testing::AllOf(HasSubstr(" int16"), HasSubstr("uint16")));
  });
}

struct Multiplied {
  const char* algorithm;  // "": whatever is chosen
  int ranks;
  unsigned mapped;  // a bit for each rank
  std::size_t bytes;
  bool in_place;
};

// The scalars of ranks differ; so do their numbers.
Bytes scalar_of(const Type& type, int rank) {
  return random_bytes(size_of(type), 40 + static_cast<std::uint64_t>(rank));
}

Bytes multiplied(const Type& type, const Bytes& input, const Bytes& scalar) {
  Bytes scalars(input.size());
  for (std::size_t at = 0; at < input.size(); at += scalar.size())
    std::memcpy(scalars.data() + at, scalar.data(), scalar.size());
  return reduced(type, ReduceOp::kProd, {input, scalars}, 0);
}

// The same algorithm's sum of inputs that were multiplied beforehand is what must come out.
void expect_multiplied(Team& team, const Type& type, const Multiplied& c) {
  const std::size_t count = c.bytes / size_of(type);
  team.each([&](int rank, hfreduceComm_t comm) {
    hfreduceCallConfig_t call = HFREDUCE_CALL_CONFIG_INITIALIZER;
    if (*c.algorithm != '\0') call.algorithm = c.algorithm;
    const Bytes input = random_bytes(count * size_of(type), 7 + static_cast<std::uint64_t>(rank));
    Bytes scalar = scalar_of(type, rank);
    const Bytes before = multiplied(type, input, scalar);
    const bool mapped = (c.mapped >> rank & 1) != 0;
    Buffer in(c.bytes, mapped), out(c.bytes, mapped), plain(c.bytes, false);
    std::byte* const from = c.in_place ? out.data() : in.data();
    std::memcpy(from, input.data(), input.size());
    std::memcpy(plain.data(), before.data(), before.size());
    hfreduceRedOp_t op = hfreduceSum;
    ASSERT_EQ(hfreduceRedOpCreatePreMulSum(&op, scalar.data(), type.value,
                                           hfreduceScalarHostImmediate, comm),
              hfreduceSuccess)
        << last_error();
    EXPECT_GE(op, hfreduceFirstCreatedOp);
    std::fill(scalar.begin(), scalar.end(), std::byte{});  // it was read
    ASSERT_EQ(hfreduceAllReduceEx(from, out.data(), count, type.value, op, comm, &call),
              hfreduceSuccess)
        << last_error();
    EXPECT_EQ(hfreduceRedOpDestroy(op, comm), hfreduceSuccess);
    ASSERT_EQ(hfreduceAllReduceEx(plain.data(), plain.data(), count, type.value, hfreduceSum, comm,
                                  &call),
              hfreduceSuccess)
        << last_error();
    EXPECT_EQ(std::memcmp(out.data(), plain.data(), input.size()), 0)
        << c.algorithm << " " << name_of(type.inside) << " of " << c.bytes << " bytes, " << c.ranks
        << " ranks, mapped " << c.mapped << (c.in_place ? ", in place" : "");
    if (!c.in_place) {
      EXPECT_EQ(std::memcmp(from, input.data(), input.size()), 0) << "the input was written";
    }
  });
}

TEST(PreMulSum, EveryAlgorithmAndTypeInAndOutOfPlace) {
  const bool quick = std::getenv("HFR_TEST_QUICK") != nullptr;
  for (const int ranks : {1, 2, 3, 5}) {
    if (quick && ranks != 1 && ranks != 3) continue;
    Team team(ranks);
    const unsigned all = (1u << ranks) - 1;
    for (const char* algorithm :
         {"", "one-shot", "alternating", "two-shot", "ring", "double-tree", "hierarchical-ring",
          "hierarchical-tree", "zero-copy", "claimed"}) {
      if (ranks == 1 && *algorithm != '\0') continue;
      if (ranks > 2 && std::string_view(algorithm) == "alternating") continue;
      for (const unsigned mapped : {0u, all, all - 1}) {
        const std::size_t salt = static_cast<std::size_t>(ranks) * 8 + mapped;
        const std::size_t large = quick ? 200'000 : 600'000;
        for (const std::size_t bytes : {8ul, 4096ul + salt * 16, large + salt * 8}) {
          for (std::size_t i = 0; i < std::size(kTypes); ++i) {
            // Large ones for a few types each time, so that all have their turn.
            if (bytes > 10'000 && (i + salt) % 5 != 0) continue;
            expect_multiplied(team, kTypes[i],
                              {algorithm, ranks, mapped, bytes, (i + salt) % 2 == 0});
          }
        }
      }
    }
  }
}

TEST(PreMulSum, IsRoundedBeforeItIsSummed) {
  Team team(2);
  team.each([](int rank, hfreduceComm_t comm) {
    // 3 * 0x1.02p0 needs nine bits and bfloat16 has eight: 3.0234375 becomes 3.03125, and then 3 is
    // taken away.
    std::uint16_t data = rank == 0 ? 0x4040 : 0xc040, scalar = rank == 0 ? 0x3f81 : 0x3f80;
    hfreduceRedOp_t op = hfreduceSum;
    ASSERT_EQ(hfreduceRedOpCreatePreMulSum(&op, &scalar, hfreduceBfloat16,
                                           hfreduceScalarHostImmediate, comm),
              hfreduceSuccess);
    ASSERT_EQ(hfreduceAllReduce(&data, &data, 1, hfreduceBfloat16, op, comm, nullptr),
              hfreduceSuccess);
    EXPECT_EQ(data, 0x3d00) << "2^-5";
  });
}

// What an operation reads may be what the one before it writes.
TEST(PreMulSum, OfAnEarlierRequestsResult) {
  Team team(3);
  team.each([](int, hfreduceComm_t comm) {
    constexpr std::size_t kCount = 100'000;
    std::vector<std::int32_t> first(kCount, 1), second(kCount), third(kCount);
    std::int32_t two = 2;
    hfreduceRedOp_t twice = hfreduceSum;
    ASSERT_EQ(hfreduceRedOpCreatePreMulSum(&twice, &two, hfreduceInt32, hfreduceScalarHostImmediate,
                                           comm),
              hfreduceSuccess);
    hfreduceRequest_t requests[2];
    const auto start = [&](const auto& from, auto& to, hfreduceRequest_t* request) {
      hfreduceCallConfig_t call = HFREDUCE_CALL_CONFIG_INITIALIZER;
      call.request = request;
      ASSERT_EQ(
          hfreduceAllReduceEx(from.data(), to.data(), kCount, hfreduceInt32, twice, comm, &call),
          hfreduceSuccess);
    };
    start(first, second, &requests[0]);
    start(second, third, &requests[1]);
    EXPECT_EQ(hfreduceRedOpDestroy(twice, comm), hfreduceSuccess) << "calls keep what they need";
    for (hfreduceRequest_t request : requests) {
      EXPECT_EQ(hfreduceRequestWait(request), hfreduceSuccess);
      EXPECT_EQ(hfreduceRequestFree(request), hfreduceSuccess);
    }
    EXPECT_THAT(second, testing::Each(6));
    EXPECT_THAT(third, testing::Each(36));
  });
}

TEST(PreMulSum, AgainstAPlainSumIsAMismatch) {
  Team team(2);
  team.each([](int rank, hfreduceComm_t comm) {
    float data = 1, scalar = 1;
    hfreduceRedOp_t op = hfreduceSum;
    ASSERT_EQ(hfreduceRedOpCreatePreMulSum(&op, &scalar, hfreduceFloat32,
                                           hfreduceScalarHostImmediate, comm),
              hfreduceSuccess);
    EXPECT_EQ(hfreduceAllReduce(&data, &data, 1, hfreduceFloat32, rank == 0 ? op : hfreduceSum,
                                comm, nullptr),
              hfreduceMismatch);
    EXPECT_THAT(last_error(), HasSubstr("premul_sum"));
  });
}

TEST(PreMulSum, MisuseGetsASentence) {
  Team team(2), others(1);
  float scalar = 2, data = 1;
  hfreduceRedOp_t op = hfreduceSum, second = hfreduceSum;
  const auto create = [&](hfreduceRedOp_t* to, void* from, int type, int residence,
                          hfreduceComm_t comm) {
    return hfreduceRedOpCreatePreMulSum(to, from, static_cast<hfreduceDataType_t>(type),
                                        static_cast<hfreduceScalarResidence_t>(residence), comm);
  };
  EXPECT_EQ(create(nullptr, &scalar, 7, 1, team[0]), hfreduceInvalidArgument);
  EXPECT_EQ(create(&op, nullptr, 7, 1, team[0]), hfreduceInvalidArgument);
  EXPECT_EQ(create(&op, &scalar, 55, 1, team[0]), hfreduceInvalidArgument);
  EXPECT_EQ(create(&op, &scalar, 7, 2, team[0]), hfreduceInvalidArgument);
  EXPECT_EQ(create(&op, &scalar, 7, 1, nullptr), hfreduceInvalidUsage);
  EXPECT_EQ(create(&op, &scalar, 7, hfreduceScalarDevice, team[0]), hfreduceNotSupported);
  EXPECT_THAT(last_error(), HasSubstr("device memory"));
  EXPECT_EQ(op, hfreduceSum);
  ASSERT_EQ(create(&op, &scalar, 7, 1, team[0]), hfreduceSuccess);
  ASSERT_EQ(create(&second, &scalar, 7, 1, team[0]), hfreduceSuccess);
  EXPECT_NE(op, second);

  const auto reduce = [&](hfreduceDataType_t type, hfreduceRedOp_t with, hfreduceComm_t comm) {
    return hfreduceAllReduce(&data, &data, 1, type, with, comm, nullptr);
  };
  EXPECT_EQ(reduce(hfreduceInt32, op, team[0]), hfreduceInvalidArgument);
  EXPECT_THAT(last_error(), testing::AllOf(HasSubstr("float32"), HasSubstr("int32")));
  EXPECT_EQ(reduce(hfreduceFloat32, op, others[0]), hfreduceInvalidUsage);
  EXPECT_THAT(last_error(), HasSubstr("another communicator"));
  EXPECT_EQ(reduce(hfreduceFloat32, static_cast<hfreduceRedOp_t>(1'000'000), team[0]),
            hfreduceInvalidUsage);

  EXPECT_EQ(hfreduceRedOpDestroy(hfreduceSum, team[0]), hfreduceInvalidArgument);
  EXPECT_EQ(hfreduceRedOpDestroy(op, team[1]), hfreduceInvalidUsage);
  EXPECT_EQ(hfreduceRedOpDestroy(op, nullptr), hfreduceInvalidUsage);
  EXPECT_EQ(hfreduceRedOpDestroy(op, team[0]), hfreduceSuccess);
  EXPECT_EQ(hfreduceRedOpDestroy(op, team[0]), hfreduceInvalidUsage);
  EXPECT_THAT(last_error(), HasSubstr("destroyed"));
  EXPECT_EQ(reduce(hfreduceFloat32, op, team[0]), hfreduceInvalidUsage);

  // The rest go with their communicator.
  EXPECT_EQ(hfreduceCommDestroy(std::exchange(team[0], nullptr)), hfreduceSuccess);
  EXPECT_EQ(reduce(hfreduceFloat32, second, others[0]), hfreduceInvalidUsage);
  EXPECT_THAT(last_error(), HasSubstr("never made"));
}

}  // namespace
