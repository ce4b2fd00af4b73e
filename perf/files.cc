#include "files.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "failure.h"

namespace hfreduce::perf {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

[[noreturn]] void fail(const std::string& path) {
  throw Failure(fmt::format("writing the results to {}: {}; they are on standard output", path,
                            std::strerror(errno)));
}

// Whether all of it arrived; errno says why not.
bool put(const std::string& path, const std::string& text) {
  std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "we"));
  if (!file) return false;
  if (std::fwrite(text.data(), 1, text.size(), file.get()) != text.size()) return false;
  return std::fclose(file.release()) == 0;  // a full disk often shows only here
}

// A pipe, a device or a link is written through; a name that is free, or a file, can be replaced.
bool replaceable(const std::string& path) {
  struct stat about;
  return lstat(path.c_str(), &about) != 0 || S_ISREG(about.st_mode);
}

std::string part_of(const std::string& path) { return fmt::format("{}.{}.part", path, getpid()); }

}  // namespace

void check_writable(const std::string& option, const std::string& path) {
  const bool makes_part = replaceable(path);
  const std::string part = part_of(path);
  // Neither a pipe nor a device is opened: a reader would see it.
  const bool well = makes_part ? put(part, "") : access(path.c_str(), W_OK) == 0;
  const int why = errno;
  if (well && makes_part) unlink(part.c_str());
  struct stat about;
  const bool folder = stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
  if (well && !folder) return;
  throw Failure(fmt::format("{} {}: {}", option, path, std::strerror(folder ? EISDIR : why)),
                kExitBadUsage);
}

void write_file(const std::string& path, const std::string& text) {
  if (!replaceable(path)) {
    if (!put(path, text)) fail(path);
    return;
  }
  const std::string part = part_of(path);
  if (put(part, text) && std::rename(part.c_str(), path.c_str()) == 0) return;
  const int why = errno;
  unlink(part.c_str());
  errno = why;
  fail(path);
}

}  // namespace hfreduce::perf
