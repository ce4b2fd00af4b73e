#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "topology/limits.h"

namespace hfreduce::topology {
namespace {

// A system of control groups in a folder of its own.
class LimitsTest : public testing::Test {
 protected:
  LimitsTest() {
    std::string name = (std::filesystem::temp_directory_path() / "hfr-limits-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~LimitsTest() override { std::filesystem::remove_all(root_); }

  void write(const std::string& file, const std::string& text) {
    const std::filesystem::path path = root_ + file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  void unified(const std::string& path, const std::string& mount_root = "/") {
    write("/proc/self/cgroup", "0::" + path + "\n");
    write("/proc/self/mountinfo", "25 30 0:23 / /sys rw shared:7 - sysfs sysfs rw\n31 25 0:28 " +
                                      mount_root +
                                      " /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
  }
  Limits read() const { return read_limits(root_); }

  std::string root_;
};

TEST_F(LimitsTest, TheTightestGroupAboveCounts) {
  unified("/job/step");
  write("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu memory\n");
  write("/sys/fs/cgroup/job/cpu.max", "150000 100000\n");
  write("/sys/fs/cgroup/job/step/cpu.max", "400000 100000\n");
  const Limits limits = read();
  EXPECT_TRUE(limits.quota_known);
  EXPECT_DOUBLE_EQ(limits.quota.value_or(0), 1.5);
  EXPECT_EQ(limits.quota_from, "/sys/fs/cgroup/job/cpu.max");
}

TEST_F(LimitsTest, MaxIsNoLimit) {
  unified("/job");
  write("/sys/fs/cgroup/job/cpu.max", "max 100000\n");
  const Limits limits = read();
  EXPECT_TRUE(limits.quota_known);
  EXPECT_FALSE(limits.quota.has_value());
}

TEST_F(LimitsTest, TheTopmostGroupHasNoLimit) {
  unified("/");
  write("/sys/fs/cgroup/cgroup.controllers", "cpu io\n");
  EXPECT_TRUE(read().quota_known);
  EXPECT_FALSE(read().quota.has_value());
}

TEST_F(LimitsTest, AContainerSeesItsPartOnly) {
  unified("/docker/4711/inner", "/docker/4711");
  write("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  write("/sys/fs/cgroup/inner/cpu.max", "max 100000\n");
  EXPECT_DOUBLE_EQ(read().quota.value_or(0), 2.0);
  unified("/../outside");
  EXPECT_DOUBLE_EQ(read().quota.value_or(0), 2.0);
}

TEST_F(LimitsTest, TheOldHierarchyToo) {
  write("/proc/self/cgroup", "5:memory:/m\n3:cpu,cpuacct:/job\n0::/elsewhere\n");
  write("/proc/self/mountinfo",
        "33 32 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "34 32 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "50000\n");
  EXPECT_DOUBLE_EQ(read().quota.value_or(0), 0.5);
  EXPECT_EQ(read().usable(), 1u);
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  EXPECT_TRUE(read().quota_known);
  EXPECT_FALSE(read().quota.has_value());
}

TEST_F(LimitsTest, WhatCannotBeReadIsUnknown) {
  EXPECT_FALSE(read().quota_known);
  EXPECT_NE(read().quota_from, "");
  for (const char* text : {"", "max", "many 100000", "100000 0", "1e400 100000", "100000"}) {
    unified("/job");
    write("/sys/fs/cgroup/job/cpu.max", text);
    EXPECT_FALSE(read().quota_known) << text;
  }
  write("/proc/self/mountinfo", "- - -\n\n31 25 - cgroup2\n");
  write("/proc/self/cgroup", "::\n0\n");
  EXPECT_FALSE(read().quota_known);
}

TEST_F(LimitsTest, BindingIsTheSchedulers) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  std::int32_t last = 0;
  for (std::int32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &before)) last = cpu;
  CPU_ZERO(&one);
  CPU_SET(last, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  const Limits limits = read();
  sched_setaffinity(0, sizeof before, &before);
  EXPECT_EQ(limits.binding, Cpus{last});
  EXPECT_EQ(limits.usable(), 1u);
}

TEST(Limits, TheSmallerOfBindingAndQuota) {
  Limits limits;
  EXPECT_FALSE(limits.usable().has_value());
  limits.binding = Cpus{0, 1, 2, 3};
  EXPECT_EQ(limits.usable(), 4u);
  limits.quota = 2.5;
  EXPECT_EQ(limits.usable(), 3u);
  limits.quota = 0.1;
  EXPECT_EQ(limits.usable(), 1u);
}

TEST(Facts, Texts) {
  EXPECT_EQ(to_text(Cpus{}), "none");
  EXPECT_EQ(to_text(Cpus{0, 1, 2, 5, 7, 8}), "0-2,5,7-8");
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text(std::uint64_t{2} << 40), "2 TiB");
  EXPECT_EQ(bytes_text(UINT64_MAX), "16.0 EiB");
  EXPECT_EQ(summary(Facts{}),
            "unknown packages, unknown NUMA nodes, unknown cores, unknown threads, unknown memory");
}

}  // namespace
}  // namespace hfreduce::topology
