// What peers offer, as it is looked up and mapped; and the line that carries an offer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "bootstrap/memory_server.h"
#include "transport/shm/window.h"

namespace hfreduce::transport {
namespace {

using ::testing::HasSubstr;

UniqueFd object_of(std::size_t bytes, const char* text) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(ftruncate(fd.get(), static_cast<off_t>(bytes)), 0);
  EXPECT_EQ(pwrite(fd.get(), text, std::strlen(text), 0), static_cast<ssize_t>(std::strlen(text)));
  return fd;
}

TEST(PeerMemory, AsksUntilTheDescriptorIsThereAndNeverAgain) {
  int asked = 0;
  PeerMemory memory([&](std::uint64_t process, std::uint64_t object) -> Result<UniqueFd> {
    EXPECT_EQ(process, 7u);
    EXPECT_EQ(object, 9u);
    return ++asked < 3 ? UniqueFd() : object_of(8192, "hello");
  });
  EXPECT_EQ(*memory.find(7, {9, 0}, 5), nullptr);
  EXPECT_EQ(*memory.find(7, {9, 0}, 5), nullptr);
  const auto found = memory.find(7, {9, 0}, 5);
  ASSERT_TRUE(found.ok()) << found.status().text();
  EXPECT_EQ(std::memcmp(*found, "hello", 5), 0);
  EXPECT_EQ(*memory.find(7, {9, 3}, 2), *found + 3);
  memory.trim();
  EXPECT_EQ(*memory.find(7, {9, 8192}, 0), *found + 8192);
  EXPECT_EQ(asked, 3);
}

TEST(PeerMemory, NothingThatAPeerSaysReachesPastTheObject) {
  PeerMemory memory(
      [](std::uint64_t, std::uint64_t) -> Result<UniqueFd> { return object_of(8192, ""); });
  for (const auto& [offset, bytes] : std::initializer_list<std::pair<std::uint64_t, std::uint64_t>>{
           {0, 8193}, {8192, 1}, {8193, 0}, {~0ull, 1}, {1, ~0ull}, {~0ull, ~0ull}}) {
    const auto found = memory.find(1, {1, offset}, bytes);
    EXPECT_EQ(found.status().code(), Code::kProtocolError) << offset << " " << bytes;
    EXPECT_THAT(found.status().text(), HasSubstr("in memory of 8192 bytes"));
  }
  EXPECT_TRUE(memory.find(1, {1, 0}, 8192).ok()) << "what is there is there";
}

TEST(PeerMemory, AnErrorIsPassedOn) {
  PeerMemory memory([](std::uint64_t, std::uint64_t) -> Result<UniqueFd> {
    return Status(Code::kSystemError, "gone");
  });
  EXPECT_EQ(memory.find(1, {1, 0}, 1).status().text(), "gone");
}

TEST(PeerMemory, IsBoundedBetweenCalls) {
  int asked = 0;
  PeerMemory memory([&](std::uint64_t, std::uint64_t) -> Result<UniqueFd> {
    ++asked;
    return object_of(4096, "");
  });
  for (std::uint64_t object = 1; object <= 1030; ++object)
    ASSERT_TRUE(memory.find(1, {object, 0}, 1).ok());
  memory.trim();
  ASSERT_TRUE(memory.find(1, {1, 0}, 1).ok());
  EXPECT_EQ(asked, 1031) << "they were given back, and asked for again";
}

TEST(FlagLine, AnOfferIsReadWithItsOwnValueOnly) {
  FlagLine line;
  line.write_offer(3, {5, {6, 7}, {8, 9}});
  line.raise(3, 0);
  const Offer offer = line.read_offer(3);
  EXPECT_EQ(offer.process, 5u);
  EXPECT_EQ(offer.input.object, 6u);
  EXPECT_EQ(offer.input.offset, 7u);
  EXPECT_EQ(offer.output.object, 8u);
  EXPECT_EQ(offer.output.offset, 9u);
  EXPECT_EQ(line.read_offer(2).process, 0u) << "nothing was offered with it";
  line.write_offer(4, {});
  line.raise(4, 0);
  EXPECT_EQ(line.read_offer(3).process, 5u) << "its owner has gone on, and may have come first";
  line.write_offer(5, {10, {11, 12}, {13, 14}});
  EXPECT_EQ(line.read_offer(3).process, 0u) << "its owner has gone on twice: nobody was to accept";
  EXPECT_EQ(line.read_offer(4).process, 0u);
  EXPECT_EQ(line.read_offer(5).process, 10u);
}

// The owner was held up between the two: what it wrote is not what the value before said.
TEST(FlagLine, TheNextOfferIsNotTakenForTheOneBefore) {
  FlagLine line;
  line.write_offer(3, {});  // it declined, and does not wait for who reads that
  line.raise(3, 0);
  line.write_offer(4, {5, {6, 7}, {8, 9}});
  EXPECT_EQ(line.read_offer(3).process, 0u);
  line.raise(4, 0);
  EXPECT_EQ(line.read_offer(3).process, 0u);
  EXPECT_EQ(line.read_offer(4).process, 5u);
}

TEST(MemoryServer, HandsOutWhatIsThereAndRefusesTheRest) {
  const auto server = bootstrap::serve_memory(
      [](std::uint64_t number) { return number == 42 ? object_of(4096, "shared") : UniqueFd(); });
  ASSERT_TRUE(server.ok()) << server.status().text();
  EXPECT_NE(*server, 0u);
  const auto ask = [](std::uint64_t process, std::uint64_t number) -> Result<UniqueFd> {
    bootstrap::MemoryRequest request(process, number);
    for (int tries = 0; tries < 5'000; ++tries) {
      auto answer = request.poll();
      if (!answer.ok() || answer->valid()) return answer;
      usleep(1'000);
    }
    return Status(Code::kTimeout, "no answer");
  };
  const auto fd = ask(*server, 42);
  ASSERT_TRUE(fd.ok()) << fd.status().text();
  char text[6];
  EXPECT_EQ(pread(fd->get(), text, 6, 0), 6);
  EXPECT_EQ(std::memcmp(text, "shared", 6), 0);
  EXPECT_THAT(ask(*server, 43).status().text(), HasSubstr("does not hand out memory object 43"));
  EXPECT_EQ(ask(*server + 2, 42).status().code(), Code::kSystemError) << "nobody is there";
}

}  // namespace
}  // namespace hfreduce::transport
