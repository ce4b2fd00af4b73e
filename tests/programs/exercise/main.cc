// hfr-exercise: a rank that works through a random but replayable sequence of collectives through
// the public header only, checks every result to the bit, and misbehaves on request.
#include <atomic>
#include <thread>
#include <vector>

#include "events.h"
#include "join.h"
#include "options.h"
#include "rank.h"

int main(int argc, char** argv) {
  using namespace exercise;
  const Options options = parse_options(argc, argv);
  start_mpi(options, &argc, &argv);
  open_events(options.out);
  start_signals(options.timer_hz);
  std::atomic<int> status{0};
  std::vector<std::thread> threads;
  for (int i = 1; i < options.threads; ++i) {
    threads.emplace_back([&, i] { status |= Rank(options, options.rank + i).live(); });
  }
  status |= Rank(options, options.rank).live();
  for (std::thread& thread : threads) thread.join();
  stop_mpi(options);
  return status;
}
