#include "transport/shm/window.h"

namespace hfreduce::transport {

Result<Windows> Windows::shared(int fd, std::size_t bytes, int ranks, int mine) {
  Windows windows;
  HFR_ASSIGN(windows.mapping_,
             memory::Mapping::shared(fd, 0, bytes * static_cast<std::size_t>(ranks)));
  HFR_TRY(windows.mapping_.keep_from_children());
  windows.bytes_ = bytes;
  windows.ranks_ = ranks;
  windows.mine_ = mine;
  return windows;
}

Result<Windows> Windows::alone(std::size_t bytes) {
  Windows windows;
  HFR_ASSIGN(windows.mapping_, memory::Mapping::anonymous(bytes));
  HFR_TRY(windows.mapping_.keep_from_children());
  windows.bytes_ = bytes;
  return windows;
}

}  // namespace hfreduce::transport
