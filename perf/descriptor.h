// A file descriptor that closes itself: a unique_ptr whose pointer is a number.
#pragma once

#include <cstddef>
#include <memory>

namespace hfreduce::perf {

struct DescriptorNumber {
  int number = -1;

  DescriptorNumber() = default;
  DescriptorNumber(std::nullptr_t) {}                       // NOLINT: as unique_ptr wants it
  DescriptorNumber(int descriptor) : number(descriptor) {}  // NOLINT
  explicit operator bool() const { return number >= 0; }
  bool operator==(const DescriptorNumber&) const = default;
};

struct CloseDescriptor {
  using pointer = DescriptorNumber;
  void operator()(DescriptorNumber descriptor) const noexcept;
};
using Descriptor = std::unique_ptr<DescriptorNumber, CloseDescriptor>;

}  // namespace hfreduce::perf
