// CRC32C (Castagnoli), with the processor's instruction where it has one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hfreduce::kernels {

// Goes on from `crc` (0 to start): crc32c(a+b) == crc32c(b, crc32c(a)). The standard reflected form
// with initial and final inversion: crc32c("123456789") == 0xE3069283 (RFC 3720, B.4).
std::uint32_t crc32c(const void* data, std::size_t bytes, std::uint32_t crc = 0) noexcept;
// The table-driven form, for tests.
std::uint32_t crc32c_portable(const void* data, std::size_t bytes, std::uint32_t crc = 0) noexcept;

}  // namespace hfreduce::kernels
