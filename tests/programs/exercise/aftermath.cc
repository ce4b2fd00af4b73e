// What must hold once a call has failed, and the way back to work.
#include <algorithm>
#include <string>
#include <vector>

#include "events.h"
#include "join.h"
#include "rank.h"

namespace exercise {

void Rank::expect(bool holds, const char* what) {
  if (holds) return;
  ++broken_;
  emit("broken", rank_, {{"expected", what}});
}

void Rank::report_error(hfreduceResult_t result, std::int64_t started_ns) {
  const std::int64_t returned = now_ns();
  if (left_) return;
  hfreduceErrorInfo_t info = HFREDUCE_ERROR_INFO_INITIALIZER;
  expect(hfreduceCommGetErrorInfo(nullptr, &info) == hfreduceSuccess, "error info of this thread");
  expect(info.code == result, "the error info has the code that the call returned");
  expect(info.text[0] != '\0', "the error has a text");
  if (info.rank >= 0) about_.push_back(info.rank);
  emit("error", rank_,
       {{"code", static_cast<int>(result)},
        {"name", hfreduceGetErrorString(result)},
        {"about", info.rank},
        {"host", info.host},
        {"phase", info.phase},
        {"sequence", std::uint64_t{info.sequence}},
        {"text", info.text},
        {"op", done_ + pending_.size()},
        {"started_ns", started_ns},
        {"returned_ns", returned}});
}

// Whatever is still outstanding ends too, with the same error, and so does whatever comes after.
void Rank::check_after_error(hfreduceResult_t result) {
  const std::int64_t started = now_ns();
  for (Operation& operation : pending_) {
    const bool had_request = operation.request() != nullptr;
    const hfreduceResult_t ended = operation.finish();
    // One that was through before the failure may have succeeded.
    if (had_request) expect(ended == result || ended == hfreduceSuccess, "a request ends alike");
  }
  pending_.clear();
  int failed = 0;
  for (const Lane& lane : lanes_) {
    hfreduceResult_t state = hfreduceSuccess;
    if (hfreduceCommGetAsyncError(lane.comm, &state) != hfreduceSuccess) continue;
    if (state == hfreduceSuccess) continue;
    ++failed;
    int value = 1;
    const hfreduceResult_t again =
        hfreduceAllReduce(&value, &value, 1, hfreduceInt32, hfreduceSum, lane.comm, nullptr);
    expect(again == state, "a later call returns the same error");
    hfreduceErrorInfo_t info = HFREDUCE_ERROR_INFO_INITIALIZER;
    expect(hfreduceCommGetErrorInfo(lane.comm, &info) == hfreduceSuccess,
           "the communicator's info");
    expect(info.code == state, "the communicator's info has its code");
  }
  expect(failed > 0, "a communicator knows of its failure");
  emit("aftermath", rank_, {{"took_ms", (now_ns() - started) / 1'000'000}});
}

void Rank::destroy_all() {
  const std::int64_t started = now_ns();
  for (auto lane = lanes_.rbegin(); lane != lanes_.rend(); ++lane) {
    if (lane->comm == nullptr) continue;
    expect(hfreduceCommDestroy(lane->comm) == hfreduceSuccess, "destroy works");
    expect(hfreduceCommDestroy(lane->comm) == hfreduceInvalidUsage, "a second destroy is refused");
  }
  lanes_.clear();
  expect(now_ns() - started < 1'000'000'000, "destroy does not wait for anybody");
}

int Rank::recover() {
  std::vector<int> lost = options_.without.empty() ? about_ : options_.without;
  std::vector<int> survivors;
  for (int rank = 0; rank < options_.ranks; ++rank) {
    if (std::find(lost.begin(), lost.end(), rank) == lost.end()) survivors.push_back(rank);
  }
  const auto self = std::find(survivors.begin(), survivors.end(), rank_);
  if (self == survivors.end()) return 0;
  Options again = options_;
  again.join = "file";
  again.id_file = options_.recover + "/id-" + std::to_string(lost.empty() ? -1 : lost[0]);
  again.ranks = static_cast<int>(survivors.size());
  again.comms = 1;
  again.split = false;
  again.init_timeout_ms = 20'000;
  again.seconds = 0;
  again.ops = 20;
  again.misbehave.clear();
  again.recover.clear();
  again.algorithm.clear();
  Rank second(again, static_cast<int>(self - survivors.begin()));
  const int status = second.live();
  const bool well = status == 0 && second.about_.empty() && second.done_ == 20;
  expect(well, "a new communicator among the survivors works");
  emit("recovered", rank_, {{"ranks", again.ranks}, {"well", well}});
  return status;
}

}  // namespace exercise
