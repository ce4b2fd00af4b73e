// What a process has spent of its processors' time.
#pragma once

#include <sys/resource.h>

namespace harness {

// Of all its threads, by themselves and in the kernel, in microseconds.
inline long cpu_time_us() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000L + usage.ru_utime.tv_usec +
         usage.ru_stime.tv_usec;
}

}  // namespace harness
