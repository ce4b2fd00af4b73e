// Abstract Unix sockets between processes of one user: no file, nothing left behind. Calls block
// the calling thread until a deadline.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/fd.h"
#include "base/status.h"

namespace hfreduce::bootstrap {

Result<UniqueFd> listen_local(std::string_view name);
// The next visitor of the same user; an invalid descriptor when the deadline passes, or for
// somebody else's. An error where there is no descriptor for it to be had.
Result<UniqueFd> accept_local(const UniqueFd& listener, Deadline deadline);
// Invalid when nobody listens, or somebody of another user. An error where no socket can be had.
Result<UniqueFd> connect_local(std::string_view name);

// Whether who is connected belongs to this process's user.
bool same_user(const UniqueFd& socket);
// Whether there is something to read, or the other side has gone, before the deadline.
bool wait_readable(const UniqueFd& socket, Deadline deadline);

// Whole messages; false on any failure. `passed` travels along if it is not negative.
bool send_local(const UniqueFd& socket, std::string_view bytes, int passed = -1);
struct LocalMessage {
  std::string bytes;
  UniqueFd passed;
};
// Exactly `count` bytes in one message, or an empty one.
LocalMessage receive_local(const UniqueFd& socket, std::size_t count, Deadline deadline);

}  // namespace hfreduce::bootstrap
