// Private memory that peers read, with ranks as processes; and what comes of it where they may not.
// This process itself never calls hfreduce: it forks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "harness/forked_ranks.h"
#include "harness/skip.h"
#include "harness/team.h"
#include "hfreduce.h"

namespace {

using harness::Job;
using harness::last_error;
using harness::plan_of;
using harness::run;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

constexpr std::size_t kGuard = 64, kPiece = 256 << 10, kMost = 5 << 20;

// What a root sends, of up to kMost bytes: made once, since a sanitizer makes each byte dear.
const std::byte* pattern(std::size_t salt) {
  constexpr std::size_t kSalts = 4093;
  static const std::vector<std::byte> bytes = [] {
    std::vector<std::byte> all(kMost + kSalts);
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i] = static_cast<std::byte>((i * 131 + i / 251) & 0xff);
    return all;
  }();
  return bytes.data() + salt * 17 % kSalts;
}

hfreduceResult_t broadcast(const void* from, void* to, std::size_t bytes, int root,
                           hfreduceComm_t comm, const char* algorithm = "zero-copy") {
  hfreduceCallConfig_t config = HFREDUCE_CALL_CONFIG_INITIALIZER;
  config.algorithm = algorithm;
  return hfreduceBroadcastEx(from, to, bytes, hfreduceUint8, root, comm, &config);
}

// Around pages, pieces and thresholds; at an odd address; with guards around what is received.
void all_sizes(int rank, int ranks, hfreduceComm_t comm,
               const testing::Matcher<std::string>& plan) {
  std::size_t salt = 0;
  for (const std::size_t bytes :
       {std::size_t{1}, std::size_t{4095}, std::size_t{4097}, std::size_t{32} << 10,
        (std::size_t{64} << 10) - 1, (std::size_t{64} << 10) + 1, kPiece - 1, kPiece, kPiece + 1,
        3 * kPiece + 5, kMost}) {
    for (int root = 0; root < ranks; ++root) {
      for (const bool in_place : {true, false}) {
        std::vector<std::byte> in(bytes + 2 * kGuard + 3), out(in.size(), std::byte{0xa5});
        ++salt;
        std::memset(in.data(), 0xa5, in.size());
        if (rank == root) std::memcpy(in.data() + kGuard + 3, pattern(salt), bytes);
        std::vector<std::byte>& result = in_place ? in : out;
        std::vector<std::byte> expected = result;
        std::memcpy(expected.data() + kGuard + 3, pattern(salt), bytes);
        ASSERT_EQ(broadcast(in.data() + kGuard + 3, result.data() + kGuard + 3, bytes, root, comm),
                  hfreduceSuccess)
            << last_error();
        ASSERT_EQ(std::memcmp(result.data(), expected.data(), result.size()), 0)
            << bytes << " from " << root;
        ASSERT_THAT(plan_of(comm), plan) << bytes;
      }
    }
  }
}

// A system call that fails with EPERM from now on, as in a container that forbids it.
void forbid(unsigned call) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog filter{std::size(program), program};
  ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

// Whether a child of this process may read its sibling: what all here depends on.
bool readable() {
  char word = 'x';
  const pid_t holder = fork();
  if (holder == 0) {
    for (;;) pause();
  }
  const pid_t reader = fork();
  if (reader == 0) {
    char mine = 0;
    const iovec here{&mine, 1}, there{&word, 1};
    _exit(syscall(SYS_process_vm_readv, holder, &here, 1, &there, 1, 0) == 1 ? 0 : 1);
  }
  int status = 1;
  waitpid(reader, &status, 0);
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
  return status == 0;
}

class PeerReads : public testing::Test {
 protected:
  void SetUp() override {
    if (!readable()) HFR_SKIP("processes may not read each other's memory here");
  }
};

TEST_F(PeerReads, GiveTheRightBytesForEverySizeAndRoot) {
  for (const int ranks : {2, 3, 5}) {
    run({ranks, [](int) {},
         [ranks](int rank, hfreduceComm_t comm, const std::string& explained) {
           all_sizes(rank, ranks, comm, HasSubstr("\"zero-copy\""));
           if (rank == 0) {
             EXPECT_THAT(explained,
                         HasSubstr("straight out of the root's memory (process_vm_readv)"));
           }
         }});
  }
}

void expect_staged(int rank, int ranks, hfreduceComm_t comm) {
  all_sizes(rank, ranks, comm, AnyOf(HasSubstr("\"direct\""), HasSubstr("\"eager\"")));
}

TEST_F(PeerReads, WhereOneRankMayNotNobodyDoes) {
  run({3,
       [](int rank) {
         if (rank == 2) forbid(SYS_process_vm_readv);
       },
       [](int rank, hfreduceComm_t comm, const std::string& explained) {
         expect_staged(rank, 3, comm);
         if (rank == 0) {
           EXPECT_THAT(explained,
                       AllOf(HasSubstr("but rank 2 on host"),
                             HasSubstr("process_vm_readv: EPERM; "), HasSubstr("CAP_SYS_PTRACE")));
         }
       }});
}

TEST_F(PeerReads, AreLeftAloneByASettingOfAnyRank) {
  run({2,
       [](int rank) {
         if (rank == 1) setenv("HFREDUCE_PEER_READS", "0", 1);
       },
       [](int rank, hfreduceComm_t comm, const std::string& explained) {
         expect_staged(rank, 2, comm);
         if (rank == 0) {
           EXPECT_THAT(explained, HasSubstr("HFREDUCE_PEER_READS is 0 for rank 1"));
         }
       }});
}

// In another namespace of processes a number names somebody else, or nobody. Rank 1 lives in one of
// its own, where it is number 1: for rank 0 that is another process.
TEST_F(PeerReads, AreNotTriedWithTheWrongProcess) {
  const pid_t probe = fork();
  if (probe == 0) _exit(unshare(CLONE_NEWPID) == 0 ? 0 : 1);
  int can = 1;
  waitpid(probe, &can, 0);
  if (can != 0) GTEST_SKIP() << "namespaces of processes are for root only here";
  run({2,
       [](int rank) {
         if (rank != 1) return;
         ASSERT_EQ(unshare(CLONE_NEWPID), 0);
         const pid_t inside = fork();
         if (inside == 0) return;
         int status = 1;
         waitpid(inside, &status, 0);
         _exit(status == 0 ? 0 : 1);
       },
       [](int rank, hfreduceComm_t comm, const std::string& explained) {
         expect_staged(rank, 2, comm);
         if (rank == 0) {
           EXPECT_THAT(explained, AllOf(HasSubstr("but rank 0 on host"),
                                        HasSubstr("cannot read the memory of rank 1"),
                                        HasSubstr("namespace of processes")));
         }
       }});
}

// What a device or the kernel maps may be read by its process only: such a root stages.
TEST_F(PeerReads, ARootWhoseMemoryIsNotReadSoStages) {
  run({2, [](int) {},
       [](int rank, hfreduceComm_t comm, const std::string&) {
         std::ifstream maps("/proc/self/maps");
         std::string line;
         std::uintptr_t begin = 0;
         while (begin == 0 && std::getline(maps, line))
           if (line.ends_with("[vvar]")) begin = std::stoull(line, nullptr, 16);
         ASSERT_NE(begin, 0u) << "no page of the kernel's";
         std::vector<std::byte> out(4096), other(4096);
         const void* const from = rank == 0 ? reinterpret_cast<void*>(begin) : other.data();
         ASSERT_EQ(broadcast(from, out.data(), out.size(), 0, comm), hfreduceSuccess)
             << last_error();
         EXPECT_THAT(plan_of(comm), HasSubstr("\"direct\""));
       }});
}

// Both ends are there, and something in between is not: nobody can go on, and all say why.
TEST_F(PeerReads, AHoleInTheRootsMemoryIsAnErrorThatNamesTheRoot) {
  run({3, [](int) {},
       [](int rank, hfreduceComm_t comm, const std::string&) {
         constexpr std::size_t kBytes = 1 << 20;
         auto* const data = static_cast<char*>(
             mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
         ASSERT_NE(data, MAP_FAILED);
         std::memset(data, rank, kBytes);
         if (rank == 1) {
           ASSERT_EQ(munmap(data + kBytes / 2, 4096), 0);
         }
         EXPECT_EQ(broadcast(data, data, kBytes, 1, comm), hfreduceInvalidArgument);
         hfreduceErrorInfo_t info = HFREDUCE_ERROR_INFO_INITIALIZER;
         ASSERT_EQ(hfreduceCommGetErrorInfo(comm, &info), hfreduceSuccess);
         EXPECT_EQ(info.rank, 1) << info.text;
         EXPECT_THAT(info.text, HasSubstr("the root's buffer"));
       }});
}

}  // namespace
