// What HFREDUCE_DEBUG lets through and where it goes. The log reads its settings once a process, so
// each case is a process of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/log.h"

namespace hfreduce {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/hfreduce-log-XXXXXX";
    folder_ = mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Everything that a process with this HFREDUCE_DEBUG writes to a file of this name.
  std::string logged(const char* debug, const std::string& name) {
    const pid_t child = fork();
    if (child == 0) {
      setenv("HFREDUCE_DEBUG", debug, 1);
      setenv("HFREDUCE_DEBUG_FILE", (folder_ + "/" + name).c_str(), 1);
      HFR_LOG(kWarn, "tcp", "warned");
      HFR_LOG(kInfo, "tcp", "informed of {}", 7);
      HFR_LOG(kInfo, "join", "joined");
      HFR_LOG(kTrace, "tcp", "traced");
      _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    std::stringstream all;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      files_ += entry.path().filename().string() + " ";
      all << std::ifstream(entry.path()).rdbuf();
    }
    pid_ = child;
    return all.str();
  }

  std::string folder_, files_;
  pid_t pid_ = 0;
};

TEST_F(LogTest, WarningsOnlyUnlessAskedFor) {
  EXPECT_THAT(logged("", "log"), AllOf(HasSubstr("warned"), Not(HasSubstr("informed"))));
}

TEST_F(LogTest, InfoLetsInfoThrough) {
  EXPECT_THAT(logged("info", "log"), AllOf(HasSubstr("info tcp: informed of 7"),
                                           HasSubstr("joined"), Not(HasSubstr("traced"))));
}

TEST_F(LogTest, PartsCanBeChosenAndWarningsAlwaysCome) {
  EXPECT_THAT(logged("trace:join,shm", "log"),
              AllOf(HasSubstr("joined"), HasSubstr("warned"), Not(HasSubstr("informed"))));
}

TEST_F(LogTest, TheFilesNameMayHoldHostAndProcess) {
  logged("info", "log.%h.%p");
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  EXPECT_EQ(files_, std::string("log.") + host + "." + std::to_string(pid_) + " ");
}

}  // namespace
}  // namespace hfreduce
