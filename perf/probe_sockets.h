// What plain TCP sockets carry between the hosts of a measurement: one connection from the leader
// of each host to the leader of the next, in a ring.
#pragma once

#include <memory>
#include <string>

#include "descriptor.h"
#include "seat.h"

namespace hfreduce::perf {

class SocketRing {
 public:
  // All ranks call it together. nullptr on all of them when any leader fails; each then says why.
  static std::unique_ptr<SocketRing> connect(const Seat& seat);

  // The address of this host that the one before has called; empty on who does not lead a host.
  std::string address_here() const;
  // All ranks call it together: every leader sends `out` bytes to the next and takes in `in` from
  // the one before, both at once; in us, of the slowest, the median of `times`. By the congestion
  // control that HFREDUCE_CONGESTION asks for; else of the system or by reno, whichever is faster.
  double exchange_us(Seat& seat, std::uint64_t out, std::uint64_t in, int times);

 private:
  double median_us(Seat& seat, std::span<std::byte> memory, std::uint64_t out, std::uint64_t in,
                   int times);
  void use(const std::string& congestion) const;
  void exchange(std::span<std::byte> memory, std::uint64_t out, std::uint64_t in) const;

  Descriptor next_, previous_;  // only on leaders
  std::string system_;          // the congestion control that these had at first
};

}  // namespace hfreduce::perf
