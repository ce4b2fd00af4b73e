// CRC32C by tables, eight bytes at a time, and the choice between it and the instruction.
#include "kernels/cpu/crc32c.h"

#include <array>
#include <bit>
#include <cstring>

#include "kernels/cpu/tables.h"

namespace hfreduce::kernels {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78u;  // Castagnoli, reflected

// table[k][b]: what byte b does to the remainder when k more bytes follow it.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? kPolynomial : 0u);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xffu];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

std::uint32_t raw_portable(const void* data, std::size_t bytes, std::uint32_t crc) noexcept {
  const auto* at = static_cast<const std::uint8_t*>(data);
  if constexpr (std::endian::native == std::endian::little) {
    for (; bytes >= 8; bytes -= 8, at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, at, 8);
      word ^= crc;
      crc = 0;
      for (std::size_t k = 0; k < 8; ++k) crc ^= kTables[7 - k][(word >> (8 * k)) & 0xffu];
    }
  }
  for (; bytes > 0; --bytes, ++at) crc = (crc >> 8) ^ kTables[0][(crc ^ *at) & 0xffu];
  return crc;
}

using RawFn = std::uint32_t (*)(const void*, std::size_t, std::uint32_t) noexcept;

RawFn choose() noexcept {
#if defined(__x86_64__)
  if (cpu_has_wide_products()) return crc32c_raw_avx512;
  if (cpu_has_crc32()) return crc32c_raw_sse42;
#elif defined(__aarch64__)
  if (cpu_has_crc32()) return crc32c_raw_arm;
#endif
  return raw_portable;
}

}  // namespace

std::uint32_t crc32c(const void* data, std::size_t bytes, std::uint32_t crc) noexcept {
  static const RawFn raw = choose();
  return ~raw(data, bytes, ~crc);
}

std::uint32_t crc32c_portable(const void* data, std::size_t bytes, std::uint32_t crc) noexcept {
  return ~raw_portable(data, bytes, ~crc);
}

}  // namespace hfreduce::kernels
