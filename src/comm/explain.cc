// What a communicator tells about itself.
#include <fmt/core.h>

#include "base/log.h"
#include "comm/comm.h"
#include "comm/tuning_file.h"
#include "memory/host_allocations.h"

namespace hfreduce::comm {
namespace {

constexpr std::size_t kMostTuning = 4000;  // an exchange carries 4096 bytes of each rank

// Of a path or a name, as part of a JSON string.
std::string in_json(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '"' || c == '\\') safe += '\\';
    safe += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  return safe;
}

}  // namespace

Result<std::string> Comm::info(std::string_view key) const {
  const std::uint64_t window = engine_ ? engine_->map().bytes() : 0;
  if (key == "plan") {
    const executor::BoundPlan* plan = engine_ ? engine_->last_plan() : nullptr;
    return fmt::format(
        R"({{"ranks":{},"hosts":{},"groups":{},"algorithm":"{}","segment_bytes":{}}})", ranks_,
        placement_ ? placement_->hosts() : 1, placement_ ? placement_->groups(0) : 1,
        plan ? plan->algorithm : "none", engine_ ? engine_->last_segment() : 0);
  }
  if (key == "tuning") return tuning_info();
  if (key == "memory") {
    return fmt::format(R"({{"slots_bytes_at_most":{},"reserved_bytes":{},"allocated":{}}})", window,
                       engine_ ? kWindowBytes : 0, memory::host_allocations().to_json());
  }
  if (key == "links") {
    std::string list;
    for (std::int32_t peer = 0; peer < ranks_; ++peer) {
      if (peer == rank_ || !placement_) continue;
      list += fmt::format(R"({}{{"rank":{},"host":"{}","kind":"{}"}})", list.empty() ? "" : ",",
                          peer, in_json(session_->members()[static_cast<std::size_t>(peer)].host),
                          placement_->mapped(rank_, peer) ? "shared memory" : "tcp");
    }
    return "[" + list + "]";
  }
  return Status(Code::kInvalidArgument,
                fmt::format("there is no info '{}': plan, memory, links or tuning", key));
}

std::string Comm::measured_plans() {
  if (rank_ != 0 || options_.settings.deterministic != 0) return "";
  measured_ = read_tuning(tuning_path(options_.settings.tuning), planner::Shape::of(*placement_));
  std::string text;
  for (std::uint64_t apart = 2; apart == 2 || text.size() > kMostTuning; apart *= 2)
    text = planner::worth_taking(facts_, measured_, apart).to_text();
  return text;
}

// What a program that measures plans needs to know, and what is in use.
std::string Comm::tuning_info() const {
  std::string ways;
  const planner::Shape shape = placement_ ? planner::Shape::of(*placement_) : planner::Shape{};
  for (const algorithms::Algorithm& algorithm : algorithms::all()) {
    if (!placement_ || !algorithm.applies(*placement_)) continue;
    // Buffers that are measured are private; it takes no segments.
    const bool zero_copy = algorithm.name.starts_with("zero-copy");
    const bool reads =
        algorithm.collective == algorithms::Collective::kBroadcast && algorithm.name == "zero-copy";
    if (zero_copy && (!reads || facts_.peer_reads == planner::PeerReads::kRefused)) continue;
    ways += fmt::format(
        R"({}{{"collective":"{}","algorithm":"{}","most_segment_bytes":{}}})",
        ways.empty() ? "" : ",",
        algorithm.collective == algorithms::Collective::kAllReduce ? "allreduce" : "broadcast",
        algorithm.name, zero_copy ? 0 : planner::segment_capacity(algorithm, *placement_));
  }
  return fmt::format(R"({{"file":"{}","machine":"{}","shape":"{}","in_use":{},"ways":[{}]}})",
                     in_json(tuning_path(options_.settings.tuning)), in_json(machine_name()),
                     shape.to_text(), !facts_.tuning.empty(), ways);
}

// Why these plans.
std::string Comm::explain_tuning() const {
  if (options_.settings.deterministic != 0)
    return " These are built-in thresholds: HFREDUCE_DETERMINISTIC keeps measured plans out.";
  if (facts_.tuning.empty())
    return " These are built-in thresholds: `hfreduce-perf tune` measures what is fastest here.";
  using algorithms::Collective;
  std::string text;
  for (const auto& [name, collective] :
       {std::pair{"allreduce", Collective::kAllReduce}, {"broadcast", Collective::kBroadcast}}) {
    const std::string ways = planner::explain_measured(facts_, measured_, collective);
    if (!ways.empty()) text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", name, ways);
  }
  return " They were measured on this machine (" + text + ").";
}

std::string Comm::explain_memory() const {
  using algorithms::Collective;
  return fmt::format(
      "memory of hfreduceMemAlloc, or a mapping registered with hfreduceCommRegisterMapping, is "
      "used "
      "where it is, by allreduces from {} KiB on and by broadcasts from {} KiB (the root's is "
      "enough; where the others' is mapped, too, all ranks share the copying of large ones).",
      planner::mapped_from(*placement_, Collective::kAllReduce) >> 10,
      planner::mapped_from(*placement_, Collective::kBroadcast) >> 10);
}

std::string Comm::explain_peer_reads() const {
  using planner::PeerReads;
  if (facts_.peer_reads == PeerReads::kRefused)
    return " A broadcast could copy ordinary buffers once, straight out of the root's memory, "
           "but " +
           no_peer_reads_ + ".";
  if (ranks_ > planner::kPeerReadsUpToRanks || facts_.peer_reads == PeerReads::kShared)
    return fmt::format(
        " A broadcast can copy ordinary buffers once, straight out of the root's memory "
        "(process_vm_readv), but {}, so staging is faster unless measured otherwise.",
        facts_.peer_reads == PeerReads::kShared ? "ranks share cores"
                                                : "several readers hold each other up");
  return fmt::format(
      " While staging is slow (no cache is common to the cores that the ranks are on) a broadcast "
      "copies ordinary buffers once, straight out of the root's memory (process_vm_readv), from {} "
      "KiB on, in place up to {} KiB.",
      planner::kPeerReadsFrom >> 10, planner::kPeerReadsInPlaceUpTo >> 10);
}

std::string Comm::explain_ranks() const {
  const bool one_host = placement_->hosts() == 1;
  std::string text = fmt::format("communicator '{}': {} ranks on {} host{}", options_.name, ranks_,
                                 placement_->hosts(), one_host ? "" : "s");
  if (one_host) return text + "; all talk through shared memory.";
  text +=
      placement_->fewest_local() == placement_->most_local()
          ? fmt::format(", {} on each", placement_->most_local())
          : fmt::format(", {} to {} on each", placement_->fewest_local(), placement_->most_local());
  text +=
      fmt::format("; hosts talk over TCP, {} socket{} a link, checksum {}, congestion control {}",
                  sockets_, sockets_ == 1 ? "" : "s", checksum_ ? "on" : "off", congestion_.name);
  if (congestion_.chosen())
    text += fmt::format(
        " (the system's {} was not taken: it misjudges bursts; HFREDUCE_CONGESTION=system takes "
        "it)",
        congestion_.system);
  return text + ".";
}

std::string Comm::explain_plans() const {
  std::string text = fmt::format("chosen: allreduce {}; broadcast {}.",
                                 planner::explain(facts_, algorithms::Collective::kAllReduce),
                                 planner::explain(facts_, algorithms::Collective::kBroadcast));
  text += explain_tuning() + planner::explain_forced(facts_) + planner::explain_crowd(facts_) +
          planner::explain_grouping(facts_);
  text += fmt::format(" Staging slots take at most {:.1f} MiB a rank.",
                      static_cast<double>(engine_->map().bytes()) / (1 << 20));
  if (workers_ > 0)
    text += fmt::format(
        " {} thread{} help{} rank 0's process with steps of {} KiB and more, in calls of {} MiB "
        "and more.",
        workers_, workers_ == 1 ? "" : "s", workers_ == 1 ? "s" : "", executor::kShareFrom >> 10,
        executor::kShareCallsFrom >> 20);
  return text;
}

// A colleague's answer, a line each: what was found, what was chosen, what sets the limit, and what
// would be faster.
void Comm::explain() const {
  const bool one_host = placement_->hosts() == 1;
  std::string found = explain_ranks() + grouping_;
  if (options_.settings.deterministic != 0 && options_.settings.group.empty())
    found += " What systems say of caches and packages was not asked: HFREDUCE_DETERMINISTIC is 1.";
  const auto say = [](const std::string& line) { log_line(LogLevel::kInfo, "explain", line); };
  say(found);
  say(explain_plans());
  say(one_host ? "limit: the memory bus, since ordinary buffers are copied once into a window and "
                 "once out of it."
               : "limit: the network between the hosts.");
  if (one_host)
    say("faster: " + explain_memory() + explain_peer_reads());
  else if (checksum_)
    say("faster: HFREDUCE_CHECKSUM=0 saves a sixth to a third, where damage on the way is somebody "
        "else's concern.");
}

}  // namespace hfreduce::comm
