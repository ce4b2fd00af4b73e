#include "schedule/proving/memory.h"

namespace hfreduce::schedule::proving {
namespace {

std::size_t slot_cells(const Layout& layout, const Area& area) {
  return static_cast<std::size_t>(area.unit == Area::Unit::kSegment ? layout.chunks : area.chunks);
}

}  // namespace

Memory::Memory(const Shape& shape) : shape_(shape) {
  for (const Area& area : shape.layout.areas) {
    areas_.push_back(slots_);
    slots_ += static_cast<std::size_t>(area.slots) * slot_cells(shape.layout, area);
  }
  buffer_ =
      static_cast<std::size_t>(shape.segments) * static_cast<std::size_t>(shape.layout.chunks);
  const std::size_t cells = static_cast<std::size_t>(shape.ranks) * (slots_ + 2 * buffer_);
  values_.resize(cells);
  if (shape.histories) histories_.resize(cells);
}

std::size_t Memory::slot_cell(std::int32_t rank, std::int32_t area, std::uint64_t tick) const {
  const Area& ring = shape_.layout.areas[static_cast<std::size_t>(area)];
  const std::uint64_t number = tick % static_cast<std::uint64_t>(ring.slots);
  return static_cast<std::size_t>(rank) * slots_ + areas_[static_cast<std::size_t>(area)] +
         number * slot_cells(shape_.layout, ring);
}

std::size_t Memory::input_cell(std::int32_t rank, std::int32_t segment) const {
  return static_cast<std::size_t>(shape_.ranks) * slots_ +
         static_cast<std::size_t>(rank) * 2 * buffer_ +
         static_cast<std::size_t>(segment) * static_cast<std::size_t>(shape_.layout.chunks);
}

std::size_t Memory::output_cell(std::int32_t rank, std::int32_t segment, bool in_place) const {
  return input_cell(rank, segment) + (in_place ? 0 : buffer_);
}

std::optional<Epoch> Memory::read(std::size_t cell, const Access& access, Value* value) {
  *value = values_[cell];
  if (access.clock == nullptr) return std::nullopt;
  History& history = histories_[cell];
  if (!access.clock->knows(history.write)) return history.write;
  std::erase_if(history.reads, [&](const Epoch& read) { return access.clock->knows(read); });
  history.reads.push_back(access.epoch);
  return std::nullopt;
}

std::optional<Epoch> Memory::write(std::size_t cell, const Access& access, const Value& value) {
  values_[cell] = value;
  if (access.clock == nullptr) return std::nullopt;
  History& history = histories_[cell];
  if (!access.clock->knows(history.write)) return history.write;
  for (const Epoch& read : history.reads)
    if (!access.clock->knows(read)) return read;
  history.reads.clear();
  history.write = access.epoch;
  return std::nullopt;
}

}  // namespace hfreduce::schedule::proving
