// Shared memory: really there, sealed, owned once.
#include "memory/shared_mapping.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "memory/limits.h"

namespace hfreduce::memory {
namespace {

using ::testing::HasSubstr;

Result<SharedMapping> make(std::size_t bytes, std::size_t page_bytes = 0) {
  MappingOptions options;
  options.bytes = bytes;
  options.page_bytes = page_bytes;
  return SharedMapping::create(options);
}

TEST(SharedMapping, IsZeroWritableAndInWholePages) {
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, std::size_t{4097}, std::size_t{3} << 20}) {
    auto mapping = make(bytes);
    ASSERT_TRUE(mapping.ok()) << mapping.status().to_string();
    EXPECT_GE(mapping->bytes(), std::max<std::size_t>(bytes, 1));
    EXPECT_EQ(mapping->bytes() % mapping->page_bytes(), 0u);
    EXPECT_TRUE(std::all_of(mapping->data(), mapping->data() + mapping->bytes(),
                            [](std::byte b) { return b == std::byte{0}; }));
    std::fill_n(mapping->data(), mapping->bytes(), std::byte{7});
  }
}

TEST(SharedMapping, PagesAreThereBeforeTheyAreTouched) {
  auto mapping = make(4 << 20, 4096);
  ASSERT_TRUE(mapping.ok());
  EXPECT_EQ(mapping->page_bytes(), 4096u);
  std::vector<unsigned char> present(mapping->bytes() / 4096);
  ASSERT_EQ(::mincore(mapping->data(), mapping->bytes(), present.data()), 0);
  EXPECT_TRUE(
      std::all_of(present.begin(), present.end(), [](unsigned char p) { return (p & 1) != 0; }));
}

TEST(SharedMapping, TheSizeIsSealed) {
  auto mapping = make(8192);
  ASSERT_TRUE(mapping.ok());
  EXPECT_NE(::ftruncate(mapping->fd(), 0), 0);
  EXPECT_NE(::ftruncate(mapping->fd(), 1 << 20), 0);
  struct stat facts {};
  ASSERT_EQ(::fstat(mapping->fd(), &facts), 0);
  EXPECT_EQ(static_cast<std::size_t>(facts.st_size), mapping->bytes());
  EXPECT_NE(::fcntl(mapping->fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(SharedMapping, ASecondMappingOfTheDescriptorSeesTheSameBytes) {
  auto first = make(12'288, 4096);
  ASSERT_TRUE(first.ok());
  auto second = SharedMapping::map(UniqueFd(::dup(first->fd())), 4096, 8192);
  ASSERT_TRUE(second.ok()) << second.status().to_string();
  first->data()[4096 + 5] = std::byte{42};
  EXPECT_EQ(second->data()[5], std::byte{42});
}

TEST(SharedMapping, MovesLeaveNothingBehind) {
  auto made = make(4096);
  ASSERT_TRUE(made.ok());
  SharedMapping a = std::move(*made);
  std::byte* const data = a.data();
  SharedMapping b = std::move(a);
  EXPECT_EQ(a.data(), nullptr);  // NOLINT: looks at what a move leaves
  EXPECT_EQ(b.data(), data);
  auto other = make(4096);
  ASSERT_TRUE(other.ok());
  b = std::move(*other);
  // The first mapping is gone: its address is free.
  EXPECT_NE(::msync(data, 4096, MS_ASYNC), 0);
  SharedMapping& self = b;
  b = std::move(self);
  EXPECT_NE(b.data(), nullptr);
}

TEST(SharedMapping, AChildHasItOnlyWhenAskedFor) {
  MappingOptions options;
  options.bytes = 4096;
  for (const bool in_child : {true, false}) {
    options.in_child = in_child;
    auto mapping = SharedMapping::create(options);
    ASSERT_TRUE(mapping.ok());
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::msync(mapping->data(), 4096, MS_ASYNC) == 0 ? 1 : 2);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), in_child ? 1 : 2);
  }
}

TEST(SharedMapping, AbsurdSizesAreRefusedWithTheNumbers) {
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  for (const std::size_t bytes : {kMost, kMost / 2, std::size_t{1} << 62, std::size_t{1} << 46}) {
    const auto mapping = make(bytes);
    ASSERT_FALSE(mapping.ok());
    EXPECT_EQ(mapping.status().code(), Code::kOutOfMemory);
    EXPECT_THAT(mapping.status().text(), HasSubstr(std::to_string(bytes) + " bytes"));
  }
  const MemoryLimit left = memory_left();
  const auto mapping = make(left.bytes + (std::size_t{1} << 34));
  ASSERT_FALSE(mapping.ok());
  EXPECT_EQ(mapping.status().code(), Code::kOutOfMemory);
  EXPECT_THAT(mapping.status().text(), HasSubstr("bytes left"));
}

TEST(SharedMapping, NonsenseIsAnInvalidArgument) {
  for (const std::size_t page : {std::size_t{1}, std::size_t{2048}, std::size_t{5000}}) {
    EXPECT_EQ(make(4096, page).status().code(), Code::kInvalidArgument);
  }
  MappingOptions options;
  options.bytes = 4096;
  for (const int node : {-2, 900, 100'000}) {
    options.numa_node = node;
    EXPECT_EQ(SharedMapping::create(options).status().code(), Code::kInvalidArgument);
  }
}

TEST(SharedMapping, TheFirstNodeAndHugePagesAreToBeHadOrDoneWithout) {
  MappingOptions options;
  options.bytes = 3 << 20;
  options.numa_node = 0;
  options.page_bytes = 2 << 20;
  auto mapping = SharedMapping::create(options);
  ASSERT_TRUE(mapping.ok()) << mapping.status().to_string();
  EXPECT_TRUE(mapping->page_bytes() == 4096 || mapping->page_bytes() == 2 << 20);
  EXPECT_EQ(mapping->bytes() % mapping->page_bytes(), 0u);
  std::fill_n(mapping->data(), mapping->bytes(), std::byte{1});
}

// Without the check the kernel would send SIGXFSZ.
TEST(SharedMapping, AFileSizeLimitIsAnErrorAndNoSignal) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{65'536, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto mapping = make(1 << 20);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(mapping.ok());
  EXPECT_EQ(mapping.status().code(), Code::kOutOfMemory);
  EXPECT_THAT(mapping.status().text(), HasSubstr("ulimit -f"));
}

TEST(SharedMapping, NoDescriptorsLeftSaysWhatToRaise) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{3, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto mapping = make(4096);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(mapping.ok());
  EXPECT_EQ(mapping.status().code(), Code::kSystemError);
  EXPECT_THAT(mapping.status().text(), HasSubstr("ulimit -n"));
}

TEST(MemoryLimits, ReadsNumbersAfterKeys) {
  constexpr std::string_view kText =
      "MemTotal:  5 kB\nXMemAvailable: 9 kB\nMemAvailable:  123 kB\ninactive_file 77\n";
  EXPECT_EQ(number_after(kText, "MemAvailable:", 1), 123u * 1024);
  EXPECT_EQ(number_after(kText, "inactive_file", 1), 77u);
  EXPECT_EQ(number_after(kText, "inactive", 1), 1u);
  EXPECT_EQ(number_after(kText, "absent", 1), 1u);
  EXPECT_EQ(number_after("4096\n", "", 1), 4096u);
  EXPECT_EQ(number_after("max\n", "", 1), 1u);
  EXPECT_EQ(number_after("", "", 1), 1u);
  EXPECT_EQ(number_after("99999999999999999999999", "", 1), 1u);
  EXPECT_EQ(number_after("a", "a", 1), 1u);
}

TEST(MemoryLimits, TheMachineHasSomeMemoryLeft) {
  const MemoryLimit left = memory_left();
  EXPECT_GT(left.bytes, 1u << 20);
  EXPECT_LT(left.bytes, std::uint64_t{1} << 50);
  EXPECT_TRUE(check_memory_left(1 << 20).ok());
  EXPECT_EQ(check_memory_left(left.bytes * 2).code(), Code::kOutOfMemory);
}

}  // namespace
}  // namespace hfreduce::memory
