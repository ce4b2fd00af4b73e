// All slots and user buffers of all ranks, chunk by chunk: what each holds, and who touched it
// last.
#pragma once

#include <optional>
#include <vector>

#include "schedule/proving/clock.h"
#include "schedule/proving/value.h"
#include "schedule/schedule.h"

namespace hfreduce::schedule::proving {

// Who does something at what time.
struct Access {
  const Clock* clock = nullptr;  // nullptr: races are not looked for
  Epoch epoch;
};

class Memory {
 public:
  struct Shape {
    Layout layout;
    std::int32_t ranks = 0;
    std::int32_t segments = 0;  // the most that a call has
    bool histories = false;
  };
  explicit Memory(const Shape& shape);

  // Cells of one place are consecutive, chunk by chunk.
  std::size_t slot_cell(std::int32_t rank, std::int32_t area, std::uint64_t tick) const;
  std::size_t input_cell(std::int32_t rank, std::int32_t segment) const;
  std::size_t output_cell(std::int32_t rank, std::int32_t segment, bool in_place) const;

  // Both return the epoch that they race with, if any.
  std::optional<Epoch> read(std::size_t cell, const Access& access, Value* value);
  std::optional<Epoch> write(std::size_t cell, const Access& access, const Value& value);

 private:
  struct History {
    Epoch write;
    std::vector<Epoch> reads;  // those since the write that no later read knows of
  };

  Shape shape_;
  std::vector<std::size_t> areas_;  // where each area begins within a rank's slots
  std::size_t slots_ = 0;           // cells of a rank's slots
  std::size_t buffer_ = 0;          // cells of a user buffer
  std::vector<Value> values_;
  std::vector<History> histories_;
};

}  // namespace hfreduce::schedule::proving
