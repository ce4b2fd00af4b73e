// Copies by hand, for what the machine allows.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hfreduce::perf {

// From so many bytes on a destination may be out of every cache by the time it is read, and stores
// that do not fetch its lines first may be the fastest: worth a try.
inline constexpr std::uint64_t kPastCachesFrom = 4 << 20;

// As memcpy, by such stores, where the processor has them.
void copy_streaming(std::byte* to, const std::byte* from, std::uint64_t bytes);

}  // namespace hfreduce::perf
