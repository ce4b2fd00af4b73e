// Copying to where another core will read.
#pragma once

#include <cstddef>

namespace hfreduce::kernels {

// As memcpy, with stores that do not fetch the destination's lines first: for a destination whose
// lines lie in another core's cache, where fetching each costs a round trip (docs/limits.md has
// figures). The bytes are visible before any later store. Where there are no such stores it is a
// memcpy.
void copy_past_caches(void* to, const void* from, std::size_t bytes) noexcept;

// Whether that beats plain stores into lines that another core's cache holds: it does on AMD's,
// where such a line comes from another core complex or through the fabric, and costs a quarter to a
// third on Intel's (docs/limits.md).
bool streaming_pays() noexcept;

}  // namespace hfreduce::kernels
