// The table behind hfreduceMemAlloc.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "memory/host_allocations.h"

namespace hfreduce::memory {
namespace {

Result<void*> allocate(HostAllocations& table, std::size_t bytes) {
  MappingOptions options;
  options.bytes = bytes;
  return table.allocate(options);
}

TEST(HostAllocations, GivesMemoryAndTakesItBackOnce) {
  HostAllocations table;
  auto pointer = allocate(table, 100'000);
  ASSERT_TRUE(pointer.ok()) << pointer.status().to_string();
  std::memset(*pointer, 3, 100'000);
  EXPECT_GE(table.total_bytes(), 100'000u);
  EXPECT_TRUE(table.free(*pointer).ok());
  EXPECT_EQ(table.total_bytes(), 0u);
  EXPECT_EQ(table.free(*pointer).code(), Code::kInvalidArgument);
}

TEST(HostAllocations, TellsSizesOfPagesAndNodes) {
  HostAllocations table;
  EXPECT_EQ(table.to_json(), "[]");
  MappingOptions small;
  small.bytes = 5000;
  small.page_bytes = 4096;
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(table.allocate(small).ok());
  const std::string one_node = R"([{"page_bytes":4096,"numa_node":0,"bytes":16384,"pieces":2}])";
  const std::string unknown = R"([{"page_bytes":4096,"numa_node":null,"bytes":16384,"pieces":2}])";
  const std::string told = table.to_json();
  // Which one it is is the system's to say; several nodes make several entries.
  const bool several = access("/sys/devices/system/node/node1", F_OK) == 0;
  EXPECT_TRUE(told == one_node || told == unknown || several) << told;
}

TEST(HostAllocations, UnknownPointersAreRefused) {
  HostAllocations table;
  auto pointer = allocate(table, 8192);
  ASSERT_TRUE(pointer.ok());
  int local = 0;
  EXPECT_EQ(table.free(&local).code(), Code::kInvalidArgument);
  EXPECT_EQ(table.free(nullptr).code(), Code::kInvalidArgument);
  EXPECT_EQ(table.free(static_cast<char*>(*pointer) + 1).code(), Code::kInvalidArgument);
  EXPECT_TRUE(table.free(*pointer).ok());
}

TEST(HostAllocations, NoBytesAtAllIsAPointerOfItsOwn) {
  HostAllocations table;
  auto a = allocate(table, 0), b = allocate(table, 0);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_NE(*a, nullptr);
  EXPECT_NE(*a, *b);
  EXPECT_TRUE(table.find(*a, 0).has_value());
  EXPECT_FALSE(table.find(*a, 1).has_value());
  EXPECT_TRUE(table.free(*a).ok());
  EXPECT_TRUE(table.free(*b).ok());
}

TEST(HostAllocations, FindsWhatAPeerNeedsToMapIt) {
  HostAllocations table;
  auto pointer = allocate(table, 10'000);
  ASSERT_TRUE(pointer.ok());
  auto* const start = static_cast<char*>(*pointer);
  const auto region = table.find(start + 5000, 5000);
  ASSERT_TRUE(region.has_value());
  EXPECT_EQ(region->offset, 5000u);
  EXPECT_EQ(region->bytes, 5000u);
  std::strcpy(start + 5000, "seen by a peer");
  void* const peer = ::mmap(nullptr, 12'288, PROT_READ, MAP_SHARED, region->fd, 0);
  ASSERT_NE(peer, MAP_FAILED);
  EXPECT_STREQ(static_cast<char*>(peer) + region->offset, "seen by a peer");
  ::munmap(peer, 12'288);

  EXPECT_TRUE(table.find(start, 10'000).has_value());
  EXPECT_FALSE(table.find(start, 10'001).has_value());  // the rest of the page was not asked for
  EXPECT_FALSE(table.find(start + 5000, ~std::size_t{0}).has_value());
  EXPECT_FALSE(table.find(start - 1, 1).has_value());
  EXPECT_FALSE(table.find(&table, 1).has_value());
  EXPECT_TRUE(table.free(start).ok());
  EXPECT_FALSE(table.find(start, 1).has_value());
}

TEST(HostAllocations, ThreadsDoNotMeetEachOthersMemory) {
  HostAllocations table;
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&table, &wrong, t] {
      for (int i = 0; i < 50; ++i) {
        auto pointer = allocate(table, 5000);
        if (!pointer.ok()) {
          ++wrong[static_cast<std::size_t>(t)];
          continue;
        }
        std::memset(*pointer, t, 5000);
        const auto region = table.find(*pointer, 5000);
        const bool right = region.has_value() && static_cast<char*>(*pointer)[4999] == t;
        if (!right || !table.free(*pointer).ok()) ++wrong[static_cast<std::size_t>(t)];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
  EXPECT_EQ(table.total_bytes(), 0u);
}

TEST(HostAllocations, TheProcessHasOneTable) {
  auto pointer = allocate_host(4096, 0, -1);
  ASSERT_TRUE(pointer.ok());
  EXPECT_TRUE(host_allocations().find(*pointer, 4096).has_value());
  EXPECT_TRUE(free_host(*pointer).ok());
  EXPECT_EQ(free_host(*pointer).code(), Code::kInvalidArgument);
  EXPECT_EQ(allocate_host(~std::size_t{0}, 0, -1).status().code(), Code::kOutOfMemory);
}

}  // namespace
}  // namespace hfreduce::memory
