#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/settings.h"

namespace hfreduce {
namespace {

using testing::HasSubstr;

// Sets a variable for the time of a test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(Settings, DefaultsHoldWhereNothingIsSet) {
  const auto settings = Settings::from_environment();
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->sockets, 1);
  EXPECT_EQ(settings->timeout_ms, 1'800'000);
  EXPECT_EQ(settings->init_timeout_ms, 300'000);
  EXPECT_TRUE(settings->algorithm.empty());
}

TEST(Settings, ValuesTakeSuffixes) {
  const Variable segment("HFREDUCE_SEGMENT", "64K");
  EXPECT_EQ(Settings::from_environment()->segment, 65536);
}

TEST(Settings, AValueOutOfRangeIsAnErrorThatNamesVariableValueAndRange) {
  for (const char* value : {"17", "0", "-1", "many", "1.5", "9999999999999999999999"}) {
    const Variable sockets("HFREDUCE_SOCKETS", value);
    const auto settings = Settings::from_environment();
    ASSERT_EQ(settings.status().code(), Code::kInvalidArgument) << value;
    EXPECT_THAT(settings.status().text(), HasSubstr("HFREDUCE_SOCKETS=" + std::string(value)));
    EXPECT_THAT(settings.status().text(), HasSubstr("1 to 16"));
  }
}

TEST(Settings, AnUnknownNameIsAWarningOnceAndAnErrorWhenStrict) {
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, const char*, const char* message) { lines.push_back(message); });
  const Variable typo("HFREDUCE_SEGMNT", "1");
  EXPECT_TRUE(Settings::from_environment().ok());
  EXPECT_TRUE(Settings::from_environment().ok());
  set_log_sink({});
  EXPECT_THAT(lines, testing::ElementsAre(HasSubstr("did you mean HFREDUCE_SEGMENT?")));
  setenv("HFREDUCE_NOSUCH", "1", 1);
  const auto sentences = unknown_settings();
  unsetenv("HFREDUCE_NOSUCH");
  EXPECT_THAT(sentences, testing::Contains("unknown setting HFREDUCE_NOSUCH: `hfreduce-topo "
                                           "--settings` lists those that there are"))
      << "nothing is like it";
  const Variable strict("HFREDUCE_STRICT", "1");
  const auto settings = Settings::from_environment();
  EXPECT_EQ(settings.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(settings.status().text(), HasSubstr("HFREDUCE_SEGMNT"));
}

TEST(Settings, SizesAreWholeNumbersWithOneSuffix) {
  EXPECT_EQ(*parse_size("0"), 0);
  EXPECT_EQ(*parse_size("3k"), 3072);
  EXPECT_EQ(*parse_size("2M"), 2 << 20);
  EXPECT_EQ(*parse_size("-1G"), -(std::int64_t{1} << 30));
  for (const char* text : {"", "K", "1KK", "1 K", "0x10", "1T", "8589934592G", " 1"}) {
    EXPECT_FALSE(parse_size(text).ok()) << text;
  }
}

TEST(Status, KeepsTheFirstFactsAndGainsTheMissing) {
  const Status status = Status(Code::kTimeout, "too late")
                            .with_rank(3, "a")
                            .with_rank(4, "b")
                            .with_phase("join")
                            .in_context("joining");
  EXPECT_EQ(status.detail().rank, 3);
  EXPECT_EQ(status.detail().host, "a");
  EXPECT_EQ(status.detail().phase, "join");
  EXPECT_EQ(status.to_string(), "hfreduceTimeout: joining: too late");
  const Status copy = status;
  EXPECT_EQ(copy.text(), status.text());
  EXPECT_TRUE(Status().ok());
}

TEST(Status, ASystemErrorCarriesTheSystemsOwnNameForIt) {
  EXPECT_EQ(system_error("opening x", EACCES).text(), "opening x: Permission denied (EACCES)");
  EXPECT_EQ(system_error("mapping", ENOMEM).code(), Code::kOutOfMemory);
}

}  // namespace
}  // namespace hfreduce
