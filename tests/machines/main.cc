// hfr-machines FOLDER: writes NAME.xml for each machine, for tests of programs.
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <utility>

#include "machines.h"

int main(int argc, char** argv) {
  using namespace hfreduce::machines;
  if (argc != 2) return std::fprintf(stderr, "usage: hfr-machines FOLDER\n"), 2;
  const std::string folder = argv[1];
  try {
    const std::pair<const char*, std::string (*)()> all[] = {
        {"dgx", dgx}, {"epyc8", epyc8}, {"vm", virtual_machine}};
    for (const auto& [name, make] : all) {
      std::ofstream file(folder + "/" + name + ".xml");
      file << make();
      if (!file.flush()) return std::perror(name), 1;
    }
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "hfr-machines: %s\n", error.what()), 1;
  }
  return 0;
}
