#include "compare/peer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <sstream>

#include "clock.h"
#include "failure.h"

namespace hfreduce::perf {
namespace {

// In the shared memory that hfreduce-perf gives to all ranks of a library.
struct FencePage {
  std::atomic<std::uint32_t> arrived;
  alignas(64) std::atomic<std::uint32_t> generation;
};

class Fence {
 public:
  Fence(PeerLibrary& library, int ranks)
      : library_(library), ranks_(static_cast<std::uint32_t>(ranks)) {
    if (given("HFREDUCE_PERF_FENCE").empty()) return;  // several hosts have no memory in common
    const int fd = open(given("HFREDUCE_PERF_FENCE").c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) fail_with_errno("opening HFREDUCE_PERF_FENCE");
    void* page = mmap(nullptr, sizeof(FencePage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (page == MAP_FAILED) fail_with_errno("mapping HFREDUCE_PERF_FENCE");
    page_ = static_cast<FencePage*>(page);
    cpu_set_t set;
    crowded_ =
        sched_getaffinity(0, sizeof(set), &set) != 0 || sysconf(_SC_NPROCESSORS_ONLN) < ranks;
  }
  void meet() {
    if (page_ == nullptr) return library_.meet();
    const std::uint32_t generation = page_->generation.load(std::memory_order_acquire);
    if (page_->arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == ranks_) {
      page_->arrived.store(0, std::memory_order_relaxed);
      page_->generation.store(generation + 1, std::memory_order_release);
      return;
    }
    const int spins = crowded_ ? 20 : 10'000;
    for (int i = 0; page_->generation.load(std::memory_order_acquire) == generation; ++i) {
      if (i < spins) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
      } else {
        sched_yield();
      }
    }
  }

 private:
  PeerLibrary& library_;
  FencePage* page_ = nullptr;
  std::uint32_t ranks_;
  bool crowded_ = false;
};

// Anonymous memory that begins at a multiple of 2 MiB, or so many bytes behind one.
class Buffer {
 public:
  explicit Buffer(std::size_t offset) : offset_(offset) {}
  std::span<std::byte> of(std::size_t bytes) {
    if (bytes != bytes_) get(bytes);
    return {aligned_, bytes};
  }

 private:
  static constexpr std::size_t kAlign = 2 << 20;
  void get(std::size_t bytes) {
    if (base_ != nullptr) munmap(base_, mapped_);
    mapped_ = offset_ + bytes + kAlign;
    base_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) {
      base_ = nullptr;
      bytes_ = 0;
      fail_with_errno("asking for memory (mmap)");
    }
    const auto address = reinterpret_cast<std::uintptr_t>(base_);
    aligned_ = static_cast<std::byte*>(base_) + (kAlign - address % kAlign) % kAlign + offset_;
    bytes_ = bytes;
  }
  std::size_t offset_;
  void* base_ = nullptr;
  std::byte* aligned_ = nullptr;
  std::size_t mapped_ = 0, bytes_ = 0;
};

PeerRequest read_request(const std::string& line) {
  std::istringstream words(line);
  std::string collective, type, third, place, timing;
  PeerRequest r;
  words >> collective >> type >> third >> r.count >> r.iterations >> place >> timing >> r.warm_up;
  r.collective = collective == "broadcast" ? Collective::kBroadcast : Collective::kAllReduce;
  r.type = find_type(type);
  r.op = find_op(third);
  const bool reduce = r.collective == Collective::kAllReduce;
  if (!reduce) r.root = std::atoi(third.c_str());
  const bool named = collective == "allreduce" || collective == "broadcast";
  if (!words || !named || r.type == nullptr || (reduce && r.op == nullptr) || r.iterations < 1) {
    throw Failure(fmt::format("'{}' is not understood", printable(line)));
  }
  r.place = place == "in" ? Placing::kIn : Placing::kOut;
  r.in_a_row = timing == "row";
  return r;
}

class Server {
 public:
  Server(PeerLibrary& library, int rank, int ranks)
      : library_(library), fence_(library, ranks), rank_(rank), ranks_(ranks) {}
  std::string answer(const std::string& line);

 private:
  void fill(const PeerRequest& r);
  void check(const PeerRequest& r);
  void time_calls(const PeerRequest& r);

  PeerLibrary& library_;
  Fence fence_;
  int rank_, ranks_;
  std::size_t offset_ = static_cast<std::size_t>(given_number("HFREDUCE_PERF_OFFSET"));
  Buffer send_memory_{offset_}, receive_memory_{offset_};
  std::span<std::byte> send_, receive_;
  Pattern pattern_;
  std::function<void()> call_;
  std::string prepared_;  // the request that call_ is for, but for its numbers of calls
  std::vector<double> samples_;
};

void Server::fill(const PeerRequest& r) {
  if (r.place == Placing::kOut) std::memset(receive_.data(), 0xa5, receive_.size());
  repeat(input_period(pattern_, rank_, r.count), send_);
}

void Server::check(const PeerRequest& r) {
  fill(r);
  call_();
  const Wrong wrong = compare(expected_period(pattern_, r.count), receive_, r.type->size);
  if (wrong.count == 0) return;
  throw Failure(fmt::format("{} elements of rank {} are wrong: element {} is {}, expected {}",
                            wrong.count, rank_, wrong.index, show_element(*r.type, wrong.got),
                            show_element(*r.type, wrong.expected)));
}

void Server::time_calls(const PeerRequest& r) {
  samples_.clear();
  for (int i = 0; i < r.warm_up; ++i) call_();
  const int batches = r.in_a_row ? std::clamp(r.iterations / 4, 1, 10) : r.iterations;
  const int in_a_row = r.in_a_row ? std::max(1, r.iterations / batches) : 1;
  for (int batch = 0; batch < batches; ++batch) {
    fence_.meet();
    const std::int64_t begin = now_ns();
    for (int i = 0; i < in_a_row; ++i) call_();
    samples_.push_back(us_since(begin) / in_a_row);
  }
}

std::string Server::answer(const std::string& line) {
  PeerRequest r = read_request(line);
  const std::size_t bytes = r.count * r.type->size;
  PeerRequest numberless = r;
  numberless.iterations = 1;
  const std::string wanted = request_line(numberless);
  if (wanted != prepared_) {
    prepared_.clear();
    send_ = send_memory_.of(bytes);
    receive_ = r.place == Placing::kIn ? send_ : receive_memory_.of(bytes);
    pattern_ = {r.collective, r.type, r.op, ranks_, r.root, 0};
    call_ = library_.prepare(r, send_.data(), receive_.data());
    check(r);
    prepared_ = wanted;
  }
  fill(r);
  time_calls(r);
  const Spread spread = spread_of(samples_);
  std::string told = fmt::format("ok {:.3f} {:.3f} {:.3f}", spread.median, spread.p99, spread.min);
  for (const double sample : samples_) told += fmt::format(" {:.3f}", sample);
  return told;
}

}  // namespace

void bind_as_told(const Channel& channel) {
  std::vector<int> cores = channel.cores();
  if (cores.empty()) {
    std::istringstream list(given("HFREDUCE_PERF_CORES"));
    for (std::string core; std::getline(list, core, ',');) cores.push_back(std::atoi(core.c_str()));
    if (cores.empty()) return;
    cores = {cores[static_cast<std::size_t>(channel.rank()) % cores.size()]};
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(core, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

int serve(PeerLibrary& library, Channel& channel, int rank, int ranks) {
  Server server(library, rank, ranks);
  channel.write("ready");
  for (std::string line; channel.read(line);) {
    std::string told;
    try {
      told = server.answer(line);
    } catch (const Cannot& none) {
      told = fmt::format("cannot {}", none.what());
    } catch (const std::exception& failure) {
      told = fmt::format("error {}", failure.what());
    }
    channel.write(told);
  }
  return 0;
}

}  // namespace hfreduce::perf
