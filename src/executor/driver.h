// Waiting: whoever waits drives. Spin a little, then yield, then sleep; a caller in Wait takes over
// from the process's one progress thread, which exists only for operations that nobody waits for.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "executor/engine.h"

namespace hfreduce::executor {

// Drives the engines on this thread until done() is true. The caller holds none of their mutexes.
void drive_until(std::span<Engine* const> engines, const std::function<bool()>& done);
// The same for one operation of one engine, without the costs of the general case. Holds the mutex
// already. The progress thread keeps away from the engine meanwhile: whoever finds operations
// outstanding afterwards hands it back with drive_in_background.
void drive_operation(Engine& engine, const Operation& operation);

// Hands an engine with outstanding operations to the progress thread. The engine must be withdrawn
// before it is destroyed.
void drive_in_background(Engine& engine);
// How often that took a system call so far, since the progress thread was asleep for long. It is
// not while operations are started and waited for in quick succession.
std::uint64_t background_tellings();
// Returns when the progress thread will not touch the engine any more.
void withdraw_from_background(Engine& engine);

}  // namespace hfreduce::executor
