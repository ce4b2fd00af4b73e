// Stands in for libFuzzer where there is none: replays files, then runs mutations of them that
// depend on the seed and their number only.
//
//   NAME_fuzz [--runs N] [--seed S] [--from K] [FILE or FOLDER ...]
//
// When a run ends the program, its number is on standard error: --from K --runs 1 repeats it.
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
// There with a sanitizer only.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Bytes = std::vector<std::uint8_t>;

std::uint64_t current_run = 0;

void tell_run() {
  char line[64] = "fuzz: ended in run number ";
  std::size_t length = 26;
  char digits[20];
  std::size_t count = 0;
  std::uint64_t rest = current_run;
  do {
    digits[count++] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  while (count > 0) line[length++] = digits[--count];
  line[length++] = '\n';
  static_cast<void>(!::write(STDERR_FILENO, line, length));
}

void on_signal(int number) {
  tell_run();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

std::vector<Bytes> load(const std::vector<std::string>& paths) {
  std::vector<Bytes> corpus;
  const auto add = [&](const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "fuzz: cannot read %s\n", path.c_str());
      std::exit(2);
    }
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  };
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      add(path);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) add(entry.path());
  }
  return corpus;
}

void mutate_once(Bytes& bytes, const Bytes& other, std::mt19937_64& random) {
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
  constexpr std::uint8_t kEdges[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
  switch (bytes.empty() ? 5 : random() % 7) {
    case 0:
      bytes[below(bytes.size())] ^= static_cast<std::uint8_t>(1u << (random() % 8));
      break;
    case 1:
      bytes[below(bytes.size())] = static_cast<std::uint8_t>(random());
      break;
    case 2:
      bytes[below(bytes.size())] = kEdges[below(std::size(kEdges))];
      break;
    case 3:
      bytes.resize(below(bytes.size()));
      break;
    case 4: {
      const std::size_t from = below(bytes.size());
      const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(from);
      bytes.erase(at, at + static_cast<std::ptrdiff_t>(below(bytes.size() - from) + 1));
      break;
    }
    case 5: {
      Bytes more(below(16) + 1);
      for (std::uint8_t& byte : more) byte = static_cast<std::uint8_t>(random());
      const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(below(bytes.size() + 1));
      bytes.insert(at, more.begin(), more.end());
      break;
    }
    default: {
      const auto at = static_cast<std::ptrdiff_t>(below(bytes.size() + 1));
      if (bytes.size() < 65'536) bytes.insert(bytes.begin() + at, other.begin(), other.end());
    }
  }
}

Bytes input_of_run(const std::vector<Bytes>& corpus, std::uint64_t seed, std::uint64_t run) {
  std::mt19937_64 random(seed * 0x9e3779b97f4a7c15ull + run);
  Bytes bytes = corpus[random() % corpus.size()];
  const Bytes& other = corpus[random() % corpus.size()];
  for (std::uint64_t left = random() % 8 + 1; left > 0; --left) mutate_once(bytes, other, random);
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t runs = 0, seed = 1, from = 0;
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    const std::string what = argv[i];
    std::uint64_t* number = what == "--runs"   ? &runs
                            : what == "--seed" ? &seed
                            : what == "--from" ? &from
                                               : nullptr;
    if (number == nullptr) {
      paths.push_back(what);
    } else if (++i < argc) {
      *number = std::strtoull(argv[i], nullptr, 10);
    }
  }
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP})
    std::signal(number, on_signal);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(tell_run);

  std::vector<Bytes> corpus = load(paths);
  for (const Bytes& bytes : corpus) LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  corpus.emplace_back();
  for (current_run = from; current_run < from + runs; ++current_run) {
    const Bytes bytes = input_of_run(corpus, seed, current_run);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::fprintf(stderr, "fuzz: %zu inputs replayed, %llu mutations of seed %llu\n",
               corpus.size() - 1, static_cast<unsigned long long>(runs),
               static_cast<unsigned long long>(seed));
  return 0;
}
