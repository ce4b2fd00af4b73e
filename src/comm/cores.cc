#include "comm/cores.h"

#include <sched.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <vector>

namespace hfreduce::comm {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

std::string core_mask() {
  cpu_set_t set;
  std::string mask;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return mask;
  for (std::size_t core = 0; core < CPU_SETSIZE; core += 4) {
    std::size_t digit = 0;
    for (std::size_t bit = 0; bit < 4; ++bit)
      digit |= CPU_ISSET(core + bit, &set) ? std::size_t{1} << bit : 0;
    mask += kDigits[digit];
  }
  return mask.substr(0, mask.find_last_not_of('0') + 1);
}

bool in_mask(std::string_view mask, std::size_t core) {
  if (core / 4 >= mask.size()) return false;
  const std::size_t digit = kDigits.find(mask[core / 4]);
  return digit != std::string_view::npos && (digit >> core % 4 & 1) != 0;
}

int cores_in(std::span<const std::string> masks) {
  std::vector<unsigned> all;
  for (const std::string& mask : masks) {
    all.resize(std::max(all.size(), mask.size()));
    for (std::size_t i = 0; i < mask.size(); ++i)
      if (const std::size_t digit = kDigits.find(mask[i]); digit != std::string_view::npos)
        all[i] |= static_cast<unsigned>(digit);
  }
  int count = 0;
  for (const unsigned digit : all) count += std::popcount(digit);
  return count;
}

}  // namespace hfreduce::comm
