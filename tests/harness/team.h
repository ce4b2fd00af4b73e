// Ranks as threads of one process, through the C API.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "hfreduce.h"

namespace harness {

// What the library says of `comm`, or of this thread's last failed call.
inline std::string last_error(hfreduceComm_t comm = nullptr) {
  hfreduceErrorInfo_t info = HFREDUCE_ERROR_INFO_INITIALIZER;
  EXPECT_EQ(hfreduceCommGetErrorInfo(comm, &info), hfreduceSuccess);
  return info.text;
}

// A communicator whose ranks are driven by one thread each.
class Team {
 public:
  explicit Team(int ranks) : comms_(static_cast<std::size_t>(ranks)) {
    EXPECT_EQ(hfreduceCommInitAll(comms_.data(), ranks, nullptr), hfreduceSuccess) << last_error();
  }
  ~Team() {
    for (hfreduceComm_t comm : comms_) {
      if (comm == nullptr) continue;  // a test has destroyed it
      EXPECT_EQ(hfreduceCommDestroy(comm), hfreduceSuccess);
    }
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  hfreduceComm_t& operator[](int rank) { return comms_[static_cast<std::size_t>(rank)]; }
  hfreduceComm_t operator[](int rank) const { return comms_[static_cast<std::size_t>(rank)]; }
  int size() const { return static_cast<int>(comms_.size()); }

  template <typename Body>
  void each(Body body) const {
    std::vector<std::thread> threads;
    for (int rank = 0; rank < size(); ++rank) {
      threads.emplace_back([&, rank] { body(rank, (*this)[rank]); });
    }
    for (std::thread& thread : threads) thread.join();
  }

  // What the last operation ran as.
  std::string algorithm(int rank = 0) const {
    char text[256] = {};
    std::size_t size = sizeof text;
    EXPECT_EQ(hfreduceCommGetInfo((*this)[rank], "plan", text, &size), hfreduceSuccess);
    const std::string plan = text;
    const std::size_t begin = plan.find("\"algorithm\":\"") + 13;
    return plan.substr(begin, plan.find('"', begin) - begin);
  }

 private:
  std::vector<hfreduceComm_t> comms_;
};

}  // namespace harness
