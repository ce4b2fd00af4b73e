// Which cores this process may use, as text that ranks of one host can put together.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace hfreduce::comm {

// Such as "3" for cores 0 and 1: a bit each, in hexadecimal, the lowest four first. Empty: not
// known.
std::string core_mask();
bool in_mask(std::string_view mask, std::size_t core);
// In any of the masks.
int cores_in(std::span<const std::string> masks);

}  // namespace hfreduce::comm
