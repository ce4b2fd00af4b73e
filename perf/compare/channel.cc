#include "compare/channel.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>

#include "failure.h"

namespace hfreduce::perf {

std::string given(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) {
    throw Failure(
        fmt::format("{} is not set: this program is started by hfreduce-perf --compare", name));
  }
  return value;
}

int given_number(const char* name) { return std::atoi(given(name).c_str()); }

Channel Channel::standard() {
  const int in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  const int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (in < 0 || out < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) fail_with_errno("fcntl");
  return {in, out};
}

Channel Channel::of_host(int local_rank) {
  std::istringstream all(given("HFREDUCE_PERF_CHANNELS"));
  std::string mine, rank, ends, core;
  for (int r = 0; r <= local_rank; ++r) {
    if (!std::getline(all, mine, ',')) throw Failure("HFREDUCE_PERF_CHANNELS lacks this rank");
  }
  std::istringstream parts(mine);
  std::getline(parts, rank, '=');
  std::getline(parts, ends, '=');
  const std::size_t colon = ends.find(':');
  if (colon == std::string::npos) throw Failure("HFREDUCE_PERF_CHANNELS is not understood");
  const int in = open(ends.substr(0, colon).c_str(), O_RDONLY | O_CLOEXEC);
  const int out = open(ends.substr(colon + 1).c_str(), O_WRONLY | O_CLOEXEC);
  if (in < 0 || out < 0) fail_with_errno("opening " + ends);
  Channel channel(in, out);
  channel.rank_ = std::atoi(rank.c_str());
  while (std::getline(parts, core, '+')) channel.cores_.push_back(std::atoi(core.c_str()));
  return channel;
}

bool Channel::read(std::string& line) {
  while (true) {
    const std::size_t end = pending_.find('\n');
    if (end != std::string::npos) {
      line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return true;
    }
    char part[4096];
    const ssize_t got = ::read(in_, part, sizeof(part));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    pending_.append(part, static_cast<std::size_t>(got));
  }
}

void Channel::write(const std::string& line) {
  const std::string whole = line + "\n";
  for (std::size_t at = 0; at < whole.size();) {
    const ssize_t put = ::write(out_, whole.data() + at, whole.size() - at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) fail_with_errno("answering hfreduce-perf");
    at += static_cast<std::size_t>(put);
  }
}

std::vector<std::string> gather(Channel& channel, const std::string& word) {
  channel.write("gather " + word);
  std::string line, one;
  if (!channel.read(line)) throw Failure("hfreduce-perf has left");
  std::istringstream words(line);
  std::vector<std::string> all;
  words >> one;  // gathered
  while (words >> one) all.push_back(one);
  return all;
}

}  // namespace hfreduce::perf
