#include "peer_spread.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "peer_network.h"

namespace hfreduce::perf {
namespace {

// Before the sentence or the line: how it went.
enum class Outcome : char { kWell = '0', kLate = '1', kFailed = '2', kBadUsage = '3' };

}  // namespace

std::vector<std::string> EachItsOwn::swap(const std::string& mine) {
  Gang& gang = seat_.gang();
  double longest[] = {static_cast<double>(mine.size())};
  gang.maximum(longest);
  const auto width = static_cast<std::size_t>(longest[0]);
  std::string padded = mine;
  padded.resize(width, '\0');
  const std::vector<std::byte> all = gang.gather(std::as_bytes(std::span(padded)));
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < all.size(); at += width) {
    const std::string one(reinterpret_cast<const char*>(all.data() + at), width);
    lines.push_back(one.substr(0, one.find('\0')));
  }
  return lines;
}

PeerCompany::Lines EachItsOwn::together(const std::function<Lines()>& mine) {
  auto outcome = Outcome::kWell;
  std::string text;
  try {
    const Lines lines = mine();
    if (!lines.empty()) text = lines.front();
  } catch (const Late& late) {
    outcome = Outcome::kLate;
    text = late.what();
  } catch (const Failure& failure) {
    outcome = failure.exit_status() == kExitBadUsage ? Outcome::kBadUsage : Outcome::kFailed;
    text = failure.what();
  }
  // Who is early stays off the cores of those whose processes are still at work.
  if (seat_.team) seat_.team->fence_asleep();
  Lines all = swap(static_cast<char>(outcome) + text);
  const auto worst = std::max_element(
      all.begin(), all.end(), [](const auto& a, const auto& b) { return a.front() < b.front(); });
  if (worst->front() != static_cast<char>(Outcome::kWell)) {
    const bool bad_usage = worst->front() == static_cast<char>(Outcome::kBadUsage);
    throw Failure(tells() ? worst->substr(1) : "", bad_usage ? kExitBadUsage : kExitFailed);
  }
  for (std::string& line : all) line.erase(0, 1);
  return all;
}

double EachItsOwn::longest(double us) {
  seat_.gang().maximum(std::span(&us, 1));
  return us;
}

PeerPlace spread_place(Seat& seat, const SocketRing* ring, PeerCompany& company) {
  PeerPlace place;
  place.first = seat.rank;
  place.count = 1;
  place.ranks = seat.ranks;
  place.cores = seat.cores;
  place.spread = true;
  place.hosts = seat.hosts;
  place.host = seat.host;
  // Each leader knows by which of its addresses the host before has reached it.
  const auto numbered = [&] {
    const std::string address = ring != nullptr ? ring->address_here() : "";
    return PeerCompany::Lines{fmt::format("{} {}", seat.host, address)};
  };
  const std::string mine = fmt::format("{} ", seat.host);
  int here = 0;
  const PeerCompany::Lines all = company.together(numbered);
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    if (all[rank].rfind(mine, 0) != 0) continue;
    if (++here == 1) place.leads = static_cast<int>(rank) == seat.rank;
    if (all[rank].size() > mine.size()) place.address = all[rank].substr(mine.size());
  }
  place.pretended = seat.machine_ranks > here;
  if (seat.hosts == 1) return place;
  try {
    place.network = network_of(place.address);
  } catch (const Failure& failure) {
    place.no_network = failure.what();
  }
  return place;
}

}  // namespace hfreduce::perf
