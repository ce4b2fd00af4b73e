// Bytes of ordinary memory, or of memory that peers can map.
#pragma once

#include <hfreduce.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace exercise {

class Bytes {
 public:
  Bytes() = default;
  Bytes(std::size_t size, std::uint8_t value, bool mapped) : size_(size) {
    if (mapped) {
      void* memory = nullptr;
      if (hfreduceMemAlloc(&memory, size, nullptr) != hfreduceSuccess) {
        std::fprintf(stderr, "hfr-exercise: hfreduceMemAlloc of %zu bytes failed\n", size);
        std::abort();
      }
      data_ = {static_cast<std::uint8_t*>(memory), [](std::uint8_t* at) { hfreduceMemFree(at); }};
    } else {
      data_ = {new std::uint8_t[size], [](std::uint8_t* at) { delete[] at; }};
    }
    std::fill_n(data_.get(), size, value);
  }

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  std::uint8_t* data() { return data_.get(); }
  const std::uint8_t& operator[](std::size_t at) const { return data_.get()[at]; }

 private:
  std::unique_ptr<std::uint8_t, void (*)(std::uint8_t*)> data_{nullptr, [](std::uint8_t*) {}};
  std::size_t size_ = 0;
};

}  // namespace exercise
