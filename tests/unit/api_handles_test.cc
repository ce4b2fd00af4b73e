#include "api/handles.h"

#include <gtest/gtest.h>

#include <vector>

namespace hfreduce::api {
namespace {

struct Thing {
  int value = 0;
};
using Handle = struct Opaque*;
using Table = HandleTable<Thing, Handle>;

TEST(Handles, FindTheirObjectUntilItIsRemovedAndNothingAfterwards) {
  Table table;
  const Handle handle = table.add(std::make_unique<Thing>(Thing{7}));
  EXPECT_EQ(table.pin(handle)->value, 7);
  EXPECT_EQ(table.remove(handle, [](Thing&) {})->value, 7);
  EXPECT_FALSE(table.pin(handle));
  EXPECT_EQ(table.remove(handle, [](Thing&) {}), nullptr);
  // The place is used again, by a handle that is another.
  const Handle next = table.add(std::make_unique<Thing>(Thing{8}));
  EXPECT_NE(next, handle);
  EXPECT_FALSE(table.pin(handle));
  EXPECT_EQ(table.pin(next)->value, 8);
}

TEST(Handles, NonsenseIsNoHandle) {
  Table table;
  table.add(std::make_unique<Thing>());
  for (const std::uintptr_t bits : {std::uintptr_t{0}, std::uintptr_t{1}, std::uintptr_t{8},
                                    ~std::uintptr_t{0}, std::uintptr_t{0x7fff12345678}}) {
    EXPECT_FALSE(table.pin(reinterpret_cast<Handle>(bits)));
  }
}

TEST(Handles, MoreObjectsThanOneChunk) {
  Table table;
  std::vector<Handle> handles;
  for (int i = 0; i < 1000; ++i) handles.push_back(table.add(std::make_unique<Thing>(Thing{i})));
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(table.pin(handles[static_cast<std::size_t>(i)])->value, i);
}

TEST(Handles, RemovalWaitsForWhoStillUsesTheObject) {
  Table table;
  const Handle handle = table.add(std::make_unique<Thing>());
  std::atomic<bool> told{false}, left{false};
  std::atomic<bool> inside{false};
  std::thread user([&] {
    const Table::Pin pin = table.pin(handle);
    inside = true;
    while (!told) std::this_thread::yield();
    left = true;
  });
  while (!inside) std::this_thread::yield();
  const auto gone = table.remove(handle, [&](Thing&) { told = true; });
  EXPECT_TRUE(left);
  EXPECT_NE(gone, nullptr);
  user.join();
}

TEST(Handles, OneOfManyRemoversGetsTheObject) {
  for (int round = 0; round < 200; ++round) {
    Table table;
    const Handle handle = table.add(std::make_unique<Thing>());
    std::atomic<int> winners{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < 10; ++k) static_cast<void>(table.pin(handle));
        winners += table.remove(handle, [](Thing&) {}) != nullptr;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(winners, 1);
  }
}

// More threads than cores, so that some are interrupted in the middle of it.
TEST(Handles, WhoTriesAStaleOneDoesNotSpoilItsSuccessors) {
  Table table;
  const Handle stale = table.add(std::make_unique<Thing>());
  table.remove(stale, [](Thing&) {});
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 2 * std::thread::hardware_concurrency() + 2; ++i) {
    threads.emplace_back([&] {
      while (!over) EXPECT_FALSE(table.pin(stale));
    });
  }
  int lost = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  while (std::chrono::steady_clock::now() < end) {
    const Handle next = table.add(std::make_unique<Thing>());
    if (table.remove(next, [](Thing&) {}) == nullptr) ++lost;
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lost, 0);
}

}  // namespace
}  // namespace hfreduce::api
