#include <fcntl.h>
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/fd.h"
#include "commands.h"
#include "topology/probe.h"
#include "topology/xml_text.h"

namespace hfreduce::topo {
namespace {

Result<std::string> read_file(const std::string& file) {
  const UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return system_error(file);
  std::string text;
  for (std::string piece(1 << 16, '\0'); text.size() <= topology::kMostXml;) {
    const ssize_t got = read(fd.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(file);
    if (got == 0) break;
    text.append(piece, 0, static_cast<std::size_t>(got));
  }
  return text;
}

// hwloc trusts what is well-formed. What makes it fall over does so in a child process, within
// limits.
Status try_in_child(const std::string& file, const std::string& text) {
  constexpr rlim_t kSeconds = 20;
  const pid_t child = fork();
  if (child < 0) return system_error("fork");
  if (child == 0) {
    const rlimit no_core{0, 0}, time{kSeconds, kSeconds};
    setrlimit(RLIMIT_CORE, &no_core);
    setrlimit(RLIMIT_CPU, &time);
#ifndef __SANITIZE_ADDRESS__
    constexpr rlim_t kBytes = rlim_t{4} << 30;
    const rlimit memory{kBytes, kBytes};
    setrlimit(RLIMIT_AS, &memory);
#endif
    const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere >= 0) {
      dup2(nowhere, STDOUT_FILENO);
      dup2(nowhere, STDERR_FILENO);
    }
    (void)topology::read_xml(file, text);  // whatever it says: it came back
    _exit(0);
  }
  int ended = 0;
  while (waitpid(child, &ended, 0) < 0)
    if (errno != EINTR) return system_error("waitpid");
  if (ended == 0) return {};
  if (WIFSIGNALED(ended) && (WTERMSIG(ended) == SIGXCPU || WTERMSIG(ended) == SIGKILL))
    return Status(Code::kInvalidArgument,
                  fmt::format("{}: {} does not come to an end with it: damaged, or made to do harm",
                              file, topology::prober()));
  return Status(
      Code::kInvalidArgument,
      fmt::format("{}: {} fell over it: damaged, or made to do harm", file, topology::prober()));
}

Status write_all(int fd, const std::string& file, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t wrote = write(fd, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return system_error("writing " + file);
    done += static_cast<std::size_t>(wrote);
  }
  return {};
}

}  // namespace

Result<topology::Facts> read_topology(const std::string& file) {
  if (!topology::has_prober()) return topology::read_xml(file, {});
  HFR_ASSIGN(const std::string text, read_file(file));
  HFR_TRY(try_in_child(file, text));
  return topology::read_xml(file, text);
}

Status write_file(const std::string& file, const std::string& text) {
  struct stat before {};
  const bool exists = stat(file.c_str(), &before) == 0;
  if (exists && !S_ISREG(before.st_mode)) {  // a pipe, a terminal: no other file can take its place
    const UniqueFd fd(open(file.c_str(), O_WRONLY | O_CLOEXEC));
    return fd ? write_all(fd.get(), file, text) : system_error("writing " + file);
  }
  std::string target = file;
  if (char* real =
          exists ? realpath(file.c_str(), nullptr) : nullptr) {  // not the link: what it names
    target = real;
    free(real);
  }
  std::string beside = target + ".XXXXXX";
  UniqueFd fd(mkostemp(beside.data(), O_CLOEXEC));
  if (!fd) return system_error("writing " + file);
  const mode_t mask = umask(0);
  umask(mask);
  Status status = write_all(fd.get(), file, text);
  if (status.ok() && (fchmod(fd.get(), exists ? before.st_mode & 0777 : 0666 & ~mask) != 0 ||
                      fsync(fd.get()) != 0 || rename(beside.c_str(), target.c_str()) != 0))
    status = system_error("writing " + file);
  if (!status.ok()) unlink(beside.c_str());
  return status;
}

}  // namespace hfreduce::topo
