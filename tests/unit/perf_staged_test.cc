// The staged limit is the time of a collective that is right: every sum and every byte of it.
#include "staged.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <vector>

namespace hfreduce::perf {
namespace {

using Words = std::vector<std::uint64_t>;

std::uint64_t word_of(int member, std::size_t at, int call) {
  return at * 2654435761u + static_cast<std::uint64_t>(member) * 40503 +
         static_cast<std::uint64_t>(call) * 977;
}

// One member's `calls` in a row; what it found wrong, at most one word a call.
class Member {
 public:
  Member(Staged& staged, int index, std::size_t words, bool in_place)
      : staged_(staged), index_(index), in_(words), out_(words), in_place_(in_place) {}

  template <typename Call>
  int run(int calls, Call call, const std::function<std::uint64_t(std::size_t, int)>& expected) {
    int wrong = 0;
    for (int number = 0; number < calls; ++number) {
      for (std::size_t i = 0; i < in_.size(); ++i) in_[i] = word_of(index_, i, number);
      out_.assign(out_.size(), 1);
      Words& out = in_place_ ? in_ : out_;
      call(staged_, StagedBuffers{reinterpret_cast<const std::byte*>(in_.data()),
                                  reinterpret_cast<std::byte*>(out.data()), in_.size() * 8});
      for (std::size_t i = 0; i < out.size(); ++i) {
        if (out[i] == expected(i, number)) continue;
        ++wrong;
        break;
      }
    }
    return wrong;
  }

 private:
  Staged& staged_;
  int index_;
  Words in_, out_;
  bool in_place_;
};

class Crew {
 public:
  explicit Crew(int members)
      : members_(members), memory_(static_cast<std::size_t>(members) * Staged::kWindow + 4096) {
    auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    std::byte* const windows = memory_.data() + (4096 - address % 4096);
    for (int index = 0; index < members; ++index) {
      staged_.emplace_back(std::span(windows, static_cast<std::size_t>(members) * Staged::kWindow),
                           members, index, true);
    }
  }

  Staged& first() { return staged_.front(); }

  // How many calls gave a wrong word.
  template <typename Call>
  int wrong(std::size_t words, bool in_place, Call call,
            const std::function<std::uint64_t(std::size_t, int)>& expected) {
    for (Staged& staged : staged_) staged.renew();
    std::vector<int> wrong(static_cast<std::size_t>(members_));
    std::vector<std::thread> threads;
    for (int index = 0; index < members_; ++index) {
      threads.emplace_back([&, index] {
        const auto at = static_cast<std::size_t>(index);
        Member member(staged_[at], index, words, in_place);
        wrong[at] = member.run(9, call, expected);
      });
    }
    for (std::thread& thread : threads) thread.join();
    int total = 0;
    for (const int count : wrong) total += count;
    return total;
  }

 private:
  int members_;
  std::vector<std::byte> memory_;
  std::vector<Staged> staged_;
};

class StagedTest : public testing::TestWithParam<std::tuple<int, bool>> {
 protected:
  int members() const { return std::get<0>(GetParam()); }
  bool in_place() const { return std::get<1>(GetParam()); }
  std::uint64_t sum(std::size_t at, int call) const {
    std::uint64_t all = 0;
    for (int member = 0; member < members(); ++member) all += word_of(member, at, call);
    return all;
  }
};

TEST_P(StagedTest, SumsInOneShot) {
  Crew crew(members());
  for (const std::size_t words : {1, 7, 8, 100, 4097}) {
    ASSERT_TRUE(crew.first().fits_one_shot(words * 8));
    const auto call = [](Staged& staged, const StagedBuffers& buffers) {
      staged.one_shot(buffers);
    };
    EXPECT_EQ(crew.wrong(words, in_place(), call,
                         [&](std::size_t at, int number) { return sum(at, number); }),
              0)
        << words;
  }
}

TEST_P(StagedTest, SumsInTwoShotsOfManyPieces) {
  Crew crew(members());
  for (const std::size_t words : {1, 7, 100, 4097, 50000}) {
    for (const std::uint64_t piece : {std::uint64_t{4096}, crew.first().most_piece()}) {
      const auto call = [piece](Staged& staged, const StagedBuffers& buffers) {
        staged.two_shot(buffers, piece);
      };
      EXPECT_EQ(crew.wrong(words, in_place(), call,
                           [&](std::size_t at, int number) { return sum(at, number); }),
                0)
          << words << " in pieces of " << piece;
    }
  }
}

TEST_P(StagedTest, BroadcastsFromAnyRoot) {
  Crew crew(members());
  for (const std::size_t words : {1, 7, 8, 100, 4097, 50000}) {
    for (const bool streaming : {false, true}) {
      const int root = static_cast<int>(words) % members();
      const auto call = [&](Staged& staged, const StagedBuffers& buffers) {
        staged.broadcast(buffers, root, 4096, streaming);
      };
      EXPECT_EQ(crew.wrong(words, in_place(), call,
                           [&](std::size_t at, int number) { return word_of(root, at, number); }),
                0)
          << words << " streaming " << streaming;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Members, StagedTest,
                         testing::Combine(testing::Values(2, 3, 5), testing::Bool()));

TEST(Staged, TooManyMembersHaveNoRoomForAPiece) {
  std::vector<std::byte> none;
  EXPECT_EQ(Staged(none, 400, 0, true).most_piece(), 0u);
  EXPECT_GE(Staged(none, 2, 0, true).most_piece(), 256u << 10);
}

}  // namespace
}  // namespace hfreduce::perf
