// One operation of the random sequence, and what goes in and must come out: pure functions of a
// seed.
#pragma once

#include <hfreduce.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "options.h"

namespace exercise {

struct Task {
  bool broadcast = false;
  hfreduceDataType_t type = hfreduceFloat32;
  hfreduceRedOp_t op = hfreduceSum;  // hfreduceFirstCreatedOp: one that each rank creates
  int root = 0;
  std::size_t count = 0;
  bool in_place = false;
  bool as_request = false;
  std::size_t offset = 0;  // elements between an aligned address and the buffer
  std::uint64_t key = 0;   // seeds the values
  int ranks = 1;
  int mapped_percent = 0;

  std::size_t bytes() const;
  bool is_mapped(int rank) const;  // whether that rank's buffers can be mapped by peers
  std::string describe() const;
};

std::size_t element_bytes(hfreduceDataType_t type);

// Operation `index` on communicator `stream`, the same on all `ranks`.
Task make_task(const Options& options, std::uint64_t stream, std::uint64_t index, int ranks);

// What `rank` contributes. Values are such that the result is exact in the task's type, in whatever
// order the contributions are combined: integers wrap; floats are small multiples of one power of
// two, or for products powers of two.
void fill_input(const Task& task, int rank, void* output);
// What `rank` multiplies it by, if its operation is a created one.
void fill_scalar(const Task& task, int rank, void* output);
// What every rank must get.
void fill_expected(const Task& task, void* output);

}  // namespace exercise
