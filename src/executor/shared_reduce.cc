#include "executor/shared_reduce.h"

#include <algorithm>
#include <cstddef>

namespace hfreduce::executor {
namespace {

constexpr std::uint64_t kLine = 64;
// Bytes that a piece touches: enough to make taking it cheap, and soon done.
constexpr std::uint64_t kLeastPiece = 64 << 10, kMostPiece = 512 << 10;
// For each thread, so that one that comes late or is held up leaves its share to others.
constexpr std::uint64_t kPiecesAThread = 8;

}  // namespace

void SharedReduce::hire(std::int32_t threads, const workers::Desk::Owner& owner) {
  if (threads <= 0) return;
  threads_ = threads;
  desk_ = workers::Pool::instance().lease(owner);
}

bool SharedReduce::begin(const Reduction& reduction) noexcept {
  const kernels::ReduceArgs& args = reduction.args;
  const auto n_sources = static_cast<std::size_t>(args.n_sources);
  const auto n_destinations = static_cast<std::size_t>(args.n_destinations);
  const std::uint64_t touched = args.count * reduction.element_bytes * (n_sources + n_destinations);
  if (!worth_it_ || desk_ == nullptr || touched < kShareFrom || !desk_->empty() ||
      std::max(n_sources, n_destinations) > kMostOperands)
    return false;
  workers::Crew& crew = workers::Pool::instance().crew_here(threads_);
  expect(&crew);
  reduction_ = reduction;
  std::copy_n(args.sources, n_sources, sources_.begin());
  std::copy_n(args.destinations, n_destinations, destinations_.begin());
  cut(touched, threads_);
  desk_->open({&do_piece, this, pieces_}, crew);
  return true;
}

void SharedReduce::end_call() noexcept {
  if (desk_ != nullptr) desk_->withdraw();
  expect(nullptr);
}

// This call's next step is likely to be this crew's.
void SharedReduce::expect(workers::Crew* crew) noexcept {
  if (crew == crew_) return;
  if (crew_ != nullptr) crew_->expecting.fetch_sub(1, std::memory_order_relaxed);
  if (crew != nullptr) crew->expecting.fetch_add(1, std::memory_order_relaxed);
  crew_ = crew;
}

void SharedReduce::cut(std::uint64_t touched, std::int32_t threads) noexcept {
  const std::uint64_t element = reduction_.element_bytes, count = reduction_.args.count;
  const std::uint64_t wanted =
      std::clamp(touched / (kPiecesAThread * static_cast<std::uint64_t>(threads + 1)), kLeastPiece,
                 kMostPiece);
  const std::uint64_t bytes = count * element;
  // Of one operand; in whole lines.
  std::uint64_t piece = std::max(kLine, wanted * bytes / touched / kLine * kLine);
  piece = std::max(piece, (bytes / (workers::Desk::kMostPieces - 1) / kLine + 1) * kLine);
  piece_ = piece / element;
  head_ = reinterpret_cast<std::uintptr_t>(destinations_[0]) % kLine / element;
  pieces_ = static_cast<std::uint32_t>((head_ + count + piece_ - 1) / piece_);
}

bool SharedReduce::finish() noexcept {
  if (!desk_->done()) return false;
  desk_->close();
  return true;
}

// On any thread.
void SharedReduce::do_piece(const void* self, std::uint32_t number) noexcept {
  const auto& shared = *static_cast<const SharedReduce*>(self);
  const std::uint64_t element = shared.reduction_.element_bytes;
  const std::uint64_t end = (number + std::uint64_t{1}) * shared.piece_ - shared.head_;
  const std::uint64_t first = number == 0 ? 0 : end - shared.piece_;
  std::array<const void*, kMostOperands> sources;
  std::array<void*, kMostOperands> destinations;
  Reduction part = shared.reduction_;
  part.args.sources = sources.data();
  part.args.destinations = destinations.data();
  part.args.count = std::min<std::uint64_t>(end, part.args.count) - first;
  for (std::size_t i = 0; i < static_cast<std::size_t>(part.args.n_sources); ++i)
    sources[i] = static_cast<const std::byte*>(shared.sources_[i]) + first * element;
  for (std::size_t i = 0; i < static_cast<std::size_t>(part.args.n_destinations); ++i)
    destinations[i] = static_cast<std::byte*>(shared.destinations_[i]) + first * element;
  thread_local kernels::StoreChoice stores;
  carry_out(part, &stores);
}

}  // namespace hfreduce::executor
