// What a fuzz target is. Under libFuzzer (clang) it is driven by coverage; else by driver.cc, which
// mutates the same seeds at random, so that every build runs it a little.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

// Must not crash, leak, or read where it may not, whatever the bytes are.
void run(std::string_view bytes);
// Well-formed inputs, made by the code that makes the real ones: the corpus.
std::vector<std::string> seeds();

// A property of what was parsed that does not hold.
inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace fuzz
