// Handles are numbers in a table, never pointers: a stale one is found out, not followed.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace hfreduce::api {

// Objects of one kind, by handle. A handle holds the number of its place and how often that place
// has been used, so that a destroyed object's handle never fits its successor. Who uses an object
// pins it; remove() waits for the pins of others.
template <typename T, typename Handle>
class HandleTable {
  struct Place {
    std::atomic<std::uint64_t> state{
        0};  // uses << 32 | closing << 31 | pins; uses is odd while occupied
    std::unique_ptr<T> object;
  };
  static constexpr std::uint64_t kClosing = 1ull << 31;
  static constexpr std::size_t kChunk = 256, kChunks = 4096;

 public:
  class Pin {
   public:
    Pin() noexcept = default;
    explicit Pin(Place* place) noexcept : place_(place, Unpin{}) {}
    explicit operator bool() const noexcept { return place_ != nullptr; }
    T* operator->() const noexcept { return place_->object.get(); }
    T& operator*() const noexcept { return *place_->object; }

   private:
    struct Unpin {
      void operator()(Place* place) const noexcept {
        place->state.fetch_sub(1, std::memory_order_release);
      }
    };
    std::unique_ptr<Place, Unpin> place_;
  };

  Handle add(std::unique_ptr<T> object) {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) grow();
    const std::uint32_t index = free_.back();
    free_.pop_back();
    Place& place = at(index);
    place.object = std::move(object);
    // Whoever tries a stale handle just now has counted itself, and must find its count again.
    const std::uint64_t before = place.state.fetch_add(1ull << 32, std::memory_order_release);
    return pack(index, (before >> 32) + 1);
  }

  // An empty pin: no such object.
  Pin pin(Handle handle) noexcept {
    Place* place = find(handle);
    if (place == nullptr) return {};
    const std::uint64_t before = place->state.fetch_add(1, std::memory_order_acquire);
    Pin pin(place);
    if (before >> 32 != uses_of(handle) || (before & kClosing) != 0) return {};
    return pin;
  }

  // Takes the object out, once `release` (called with the object) has made the other users let go
  // of it. nullptr: there is none, or somebody else is removing it.
  template <typename Release>
  std::unique_ptr<T> remove(Handle handle, Release release) {
    Place* place = find(handle);
    if (place == nullptr) return nullptr;
    std::uint64_t state = place->state.load(std::memory_order_acquire);
    do {
      if (state >> 32 != uses_of(handle) || (state & kClosing) != 0) return nullptr;
    } while (
        !place->state.compare_exchange_weak(state, state | kClosing, std::memory_order_acq_rel));
    release(*place->object);
    while ((place->state.load(std::memory_order_acquire) & (kClosing - 1)) != 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    std::unique_ptr<T> object = std::move(place->object);
    const std::lock_guard lock(mutex_);
    // A late pin that is about to be refused may still count itself: it must find its count again.
    state = place->state.load(std::memory_order_acquire);
    while (!place->state.compare_exchange_weak(
        state, ((uses_of(handle) + 1) << 32) | (state & (kClosing - 1)))) {
    }
    free_.push_back(index_of(handle));
    return object;
  }

 private:
  // Bits of a handle, low to high: 1, index (24), uses (32). Never null, never aligned like a
  // pointer.
  static Handle pack(std::uint32_t index, std::uint64_t uses) noexcept {
    return reinterpret_cast<Handle>(
        static_cast<std::uintptr_t>((uses & 0xffffffff) << 25 | std::uint64_t{index} << 1 | 1));
  }
  static std::uint32_t index_of(Handle handle) noexcept {
    return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(handle) >> 1 & 0xffffff);
  }
  static std::uint64_t uses_of(Handle handle) noexcept {
    return reinterpret_cast<std::uintptr_t>(handle) >> 25 & 0xffffffff;
  }

  Place* find(Handle handle) noexcept {
    const std::uint32_t index = index_of(handle);
    if ((reinterpret_cast<std::uintptr_t>(handle) & 1) == 0 || uses_of(handle) % 2 == 0 ||
        index >= kChunk * kChunks)
      return nullptr;
    Place* chunk = chunks_[index / kChunk].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : &chunk[index % kChunk];
  }
  Place& at(std::uint32_t index) noexcept {
    return chunks_[index / kChunk].load(std::memory_order_relaxed)[index % kChunk];
  }

  void grow() {
    const std::size_t chunk = owned_.size();
    if (chunk == kChunks) throw std::bad_alloc();
    owned_.push_back(std::make_unique<Place[]>(kChunk));
    chunks_[chunk].store(owned_.back().get(), std::memory_order_release);
    for (std::size_t i = kChunk; i-- > 0;)
      free_.push_back(static_cast<std::uint32_t>(chunk * kChunk + i));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Place[]>> owned_;
  std::array<std::atomic<Place*>, kChunks> chunks_{};
  std::vector<std::uint32_t> free_;
};

}  // namespace hfreduce::api
