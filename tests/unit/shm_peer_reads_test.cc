// Reading private memory of a process that is, or is not, the one that it was.
#include "transport/shm/peer_reads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace hfreduce::transport {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kWindow = 4096;

Windows windows_of(int ranks) {
  const UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(ftruncate(fd.get(), static_cast<off_t>(kWindow) * ranks), 0);
  auto windows = Windows::shared(fd.get(), kWindow, ranks, 0);
  EXPECT_TRUE(windows.ok());
  return std::move(windows).value();
}

// Two ranks of this very process.
class Reads : public testing::Test {
 protected:
  Reads() : windows_(windows_of(2)) {
    EXPECT_TRUE(mine_.announce(windows_.process(0)).ok());
    EXPECT_TRUE(other_.announce(windows_.process(1)).ok());
  }
  void expect_refused(int whom, const char* why) {
    int refused = -1;
    const Status status = mine_.try_all(windows_, &refused);
    EXPECT_EQ(status.code(), Code::kSystemError);
    EXPECT_EQ(refused, whom);
    EXPECT_THAT(status.text(), HasSubstr(why));
  }
  void allow() {
    int refused = -1;
    const Status status = mine_.try_all(windows_, &refused);
    ASSERT_TRUE(status.ok()) << status.text();
    mine_.allow();
  }
  static std::uint64_t address(const void* data) { return reinterpret_cast<std::uint64_t>(data); }

  Windows windows_;
  PeerReads mine_, other_;
};

TEST_F(Reads, ComeInPieces) {
  allow();
  std::vector<std::byte> from(PeerReads::kPiece + 100, std::byte{7}), to(from.size());
  const auto first = mine_.read(1, address(from.data()), to.data(), to.size());
  ASSERT_TRUE(first.ok()) << first.status().text();
  EXPECT_EQ(*first, PeerReads::kPiece);
  const auto rest = mine_.read(1, address(from.data()) + *first, to.data() + *first, 100);
  ASSERT_TRUE(rest.ok());
  EXPECT_EQ(*rest, 100u);
  EXPECT_EQ(to, from);
}

TEST_F(Reads, NothingIsOfferedOrReadBeforeAllAgreed) {
  std::byte one{1}, to{0};
  EXPECT_EQ(mine_.offer(&one, 1).process, 0u);
  EXPECT_EQ(mine_.read(1, address(&one), &to, 1).status().code(), Code::kProtocolError);
  allow();
  const Offer offer = mine_.offer(&one, 1);
  EXPECT_NE(offer.process, 0u);
  EXPECT_EQ(offer.input.object, BufferName::kPrivate);
  EXPECT_EQ(offer.input.offset, address(&one));
  EXPECT_EQ(mine_.read(2, address(&one), &to, 1).status().code(), Code::kProtocolError)
      << "there is no third";
}

TEST_F(Reads, WhatCannotBeReadIsNotOffered) {
  allow();
  auto* const pages = static_cast<std::byte*>(
      mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  EXPECT_NE(mine_.offer(pages, 8192).process, 0u);
  ASSERT_EQ(munmap(pages + 4096, 4096), 0);
  EXPECT_NE(mine_.offer(pages, 4096).process, 0u);
  EXPECT_EQ(mine_.offer(pages, 4097).process, 0u);
  EXPECT_EQ(mine_.offer(pages + 4096, 4096).process, 0u);
  munmap(pages, 4096);
}

TEST_F(Reads, AnotherProcessOfThatNumberIsFoundOut) {
  windows_.process(1).token[1].fetch_xor(1);
  expect_refused(1, "namespace of processes");
  windows_.process(1).token[1].fetch_xor(1);
  windows_.process(1).token_at.store(8);  // as if another program lay there
  expect_refused(1, "EFAULT");
}

TEST_F(Reads, AProcessThatNamedNoNumberOrNonsenseIsRefused) {
  for (const std::uint64_t pid : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 31}) {
    windows_.process(1).pid.store(pid);
    expect_refused(1, "ESRCH");
  }
}

TEST_F(Reads, ADeadProcessIsNoSystemError) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  std::byte word{9};
  const pid_t child = fork();
  if (child == 0) {
    // The windows are not the child's; a token of its own would be announced through a file. Here
    // the parent's serves, which lies at the same place.
    char go;
    _exit(read(ready[0], &go, 1) == 1 ? 0 : 1);
  }
  // `other_` lies in both processes; its token, too.
  windows_.process(1).pid.store(static_cast<std::uint64_t>(child));
  allow();
  std::byte to{0};
  ASSERT_TRUE(mine_.read(1, address(&word), &to, 1).ok());
  EXPECT_EQ(to, word);
  ASSERT_EQ(write(ready[1], "x", 1), 1);
  siginfo_t info;
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(mine_.read(1, address(&word), &to, 1).status().code(), Code::kPeerDead) << "a zombie";
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_EQ(mine_.read(1, address(&word), &to, 1).status().code(), Code::kPeerDead) << "gone";
  // Its number was given to another process: this one, say, with another token.
  close(ready[0]);
  close(ready[1]);
}

TEST_F(Reads, ATokenThatHasGoneIsADeath) {
  auto gone = std::make_unique<PeerReads>();
  ASSERT_TRUE(gone->announce(windows_.process(1)).ok());
  allow();
  std::byte word{9}, to{0};
  ASSERT_TRUE(mine_.read(1, address(&word), &to, 1).ok());
  // As after exec, or in another process that got the number: the place is there, the token is not.
  ASSERT_TRUE(gone->announce(windows_.process(0)).ok());
  EXPECT_EQ(mine_.read(1, address(&word), &to, 1).status().code(), Code::kPeerDead);
  EXPECT_EQ(to, word);
}

TEST_F(Reads, BadMemoryIsToldFromADeadPeer) {
  allow();
  auto* const pages = static_cast<std::byte*>(
      mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  ASSERT_EQ(munmap(pages + 4096, 4096), 0);
  std::vector<std::byte> ours(8192);
  const auto some = mine_.read(1, address(pages), ours.data(), 8192);
  ASSERT_TRUE(some.ok()) << some.status().text();
  EXPECT_EQ(*some, 4096u) << "as far as it goes";
  const Status there = mine_.read(1, address(pages) + 4096, ours.data(), 4096).status();
  EXPECT_EQ(there.code(), Code::kInvalidArgument);
  EXPECT_THAT(there.text(), HasSubstr("the root's buffer"));
  const Status here = mine_.read(1, address(ours.data()), pages + 4096, 4096).status();
  EXPECT_EQ(here.code(), Code::kInvalidArgument);
  EXPECT_THAT(here.text(), HasSubstr("this rank's buffer cannot be written"));
  munmap(pages, 4096);
}

}  // namespace
}  // namespace hfreduce::transport
