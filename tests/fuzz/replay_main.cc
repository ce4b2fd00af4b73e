// Stands in for libFuzzer: fuzz_x CORPUS_DIRECTORY RUNS SEED. Feeds every corpus file to the
// target, then RUNS mutations of them. A run can be repeated by its seed.
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

namespace {

using Input = std::vector<std::uint8_t>;

std::vector<Input> read_corpus(const char* directory) {
  std::vector<Input> corpus;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::ifstream file(entry.path(), std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  Input mutate(const std::vector<Input>& corpus) {
    Input input = corpus[below(corpus.size())];
    for (std::size_t i = below(6); i-- > 0;) change(input, corpus[below(corpus.size())]);
    return input;
  }

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  std::ptrdiff_t place(const Input& input) {
    return static_cast<std::ptrdiff_t>(below(input.size() + 1));
  }

  void change(Input& input, const Input& other) {
    constexpr std::uint8_t kInteresting[] = {0, 1, 0x7f, 0x80, 0xff, '[', ']', ',', '-', '0'};
    switch (below(6)) {
      case 0:
        if (!input.empty()) input[below(input.size())] ^= static_cast<std::uint8_t>(1 << below(8));
        break;
      case 1:
        if (!input.empty()) input[below(input.size())] = kInteresting[below(10)];
        break;
      case 2:
        input.insert(input.begin() + place(input), static_cast<std::uint8_t>(random_()));
        break;
      case 3:
        input.resize(below(input.size() + 1));
        break;
      case 4:
        input.insert(input.begin() + place(input), other.begin(), other.begin() + place(other));
        break;
      default:
        if (!input.empty())
          input.erase(input.begin() + static_cast<std::ptrdiff_t>(below(input.size())));
    }
    if (input.size() > (1 << 18)) input.resize(1 << 18);
  }

  std::mt19937_64 random_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s CORPUS_DIRECTORY RUNS SEED\n", argv[0]);
    return 2;
  }
  const std::vector<Input> corpus = read_corpus(argv[1]);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s holds no files\n", argv[1]);
    return 2;
  }
  for (const Input& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
  Mutator mutator(std::strtoull(argv[3], nullptr, 10));
  const unsigned long runs = std::strtoul(argv[2], nullptr, 10);
  for (unsigned long run = 0; run < runs; ++run) {
    const Input input = mutator.mutate(corpus);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu corpus files and %lu mutations: no complaint\n", corpus.size(), runs);
  return 0;
}
