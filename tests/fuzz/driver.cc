// Drives a fuzz target without libFuzzer: `program [runs [seed]]` mutates the seeds at random;
// `program --corpus FOLDER` writes them, for libFuzzer to start from.
#include <cstring>
#include <fstream>
#include <random>

#include "target.h"

namespace {

using Random = std::mt19937_64;

void mutate(std::string& bytes, const std::vector<std::string>& seeds, Random& random) {
  const std::size_t at = bytes.empty() ? 0 : random() % bytes.size();
  switch (random() % 6) {
    case 0:
      if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
      break;
    case 1:
      if (!bytes.empty()) bytes[at] = static_cast<char>(random());
      break;
    case 2:
      bytes.resize(at);
      break;
    case 3:
      bytes.insert(at, 1 + random() % 9, static_cast<char>(random() % 3 == 0 ? 0xff : random()));
      break;
    case 4: {
      const std::string& other = seeds[random() % seeds.size()];
      bytes = bytes.substr(0, at) + other.substr(other.empty() ? 0 : random() % other.size());
      break;
    }
    default:
      if (bytes.size() >= at + 4) std::memset(&bytes[at], random() % 2 == 0 ? 0xff : 0, 4);
  }
}

int write_corpus(const std::string& folder) {
  int number = 0;
  for (const std::string& seed : fuzz::seeds()) {
    std::ofstream file(folder + "/seed-" + std::to_string(number++), std::ios::binary);
    if (!file.write(seed.data(), static_cast<std::streamsize>(seed.size()))) return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--corpus") == 0) return write_corpus(argv[2]);
  const long runs = argc > 1 ? std::atol(argv[1]) : 100'000;
  const unsigned long seed = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : std::random_device{}();
  std::fprintf(stderr, "%ld runs, seed %lu\n", runs, seed);
  const std::vector<std::string> seeds = fuzz::seeds();
  for (const std::string& bytes : seeds) fuzz::run(bytes);
  Random random(seed);
  for (long i = 0; i < runs; ++i) {
    std::string bytes = seeds[random() % seeds.size()];
    for (auto rounds = 1 + random() % 4; rounds > 0; --rounds) mutate(bytes, seeds, random);
    fuzz::run(bytes);
  }
  return 0;
}
