#include "peer_spec.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "failure.h"

namespace hfreduce::perf {
namespace {

using Words = std::vector<std::string>;

Words split(const std::string& text, char at) {
  Words words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, at);) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

[[noreturn]] void refuse(const std::string& sentence) {
  throw Failure("--compare " + sentence, kExitBadUsage);
}

// What it takes to run a library that this program has an adapter for.
struct BuiltIn {
  PeerKind kind;
  const char* label;
  const char* title;
  const char* launchers[2];
  const char* packages;
};
constexpr BuiltIn kBuiltIns[] = {
    {PeerKind::kOpenMpi,
     "openmpi",
     "Open MPI",
     {"mpirun.openmpi", "mpirun"},
     "openmpi-bin and libopenmpi-dev"},
    {PeerKind::kMpich,
     "mpich",
     "MPICH",
     {"mpiexec.mpich", "mpiexec.hydra"},
     "mpich and libmpich-dev"},
    {PeerKind::kGloo, "gloo", "Gloo", {nullptr, nullptr}, "libgloo-dev"},
};

std::vector<PeerSetting> settings_of(PeerKind kind, int hosts) {
  if (kind == PeerKind::kOpenMpi) {
    const Words no_cma = {"--mca", "btl_vader_single_copy_mechanism", "none"};
    Words ring = {"--mca",
                  "coll_tuned_use_dynamic_rules",
                  "1",
                  "--mca",
                  "coll_tuned_allreduce_algorithm",
                  "5",
                  "--mca",
                  "coll_tuned_allreduce_algorithm_segmentsize",
                  "262144"};
    PeerSetting ring_no_cma{"ring-nocma", ring};
    ring_no_cma.arguments.insert(ring_no_cma.arguments.end(), no_cma.begin(), no_cma.end());
    // Between hosts there is no coll/sm.
    if (hosts > 1) return {{"default", {}}, {"nocma", no_cma}, {"ring", ring}};
    return {{"default", {}},
            {"nocma", no_cma},
            {"sm", {"--mca", "coll_sm_priority", "100"}},
            {"ring", ring},
            ring_no_cma};
  }
  if (kind == PeerKind::kGloo) {
    return {{"ring", {"ring"}}, {"bcube", {"bcube"}}, {"halving-doubling", {"halving-doubling"}}};
  }
  return {{"", {}}};
}

Words launcher_of(PeerKind kind, const std::string& program, const PeerCrowd& crowd) {
  const std::string n = fmt::format("{}", crowd.ranks);
  if (kind == PeerKind::kMpich) return {program, "-n", n, "-bind-to", "none"};
  // Not bound by the launcher: the adapter binds itself as this program binds its own ranks.
  Words words = {program, "-n", n, "--oversubscribe", "--bind-to", "none"};
  if (crowd.ranks > crowd.cores) words.insert(words.end(), {"--mca", "mpi_yield_when_idle", "1"});
  if (geteuid() == 0) words.push_back("--allow-run-as-root");
  return words;
}

// Throws when something of it is missing.
PeerSpec built_in(const BuiltIn& which, const PeerCrowd& crowd, const FindProgram& find) {
  const std::string adapter = fmt::format("hfreduce-peer-{}", which.label);
  PeerSpec spec{which.kind, which.label, {find(adapter)}, {}, settings_of(which.kind, crowd.hosts)};
  if (spec.program[0].empty()) {
    refuse(
        fmt::format("{0}: {1} is missing, which is built where {2} is found: install {3} "
                    "(apt-get install), then configure and build hfreduce again",
                    which.label, adapter, which.title, which.packages));
  }
  if (which.launchers[0] == nullptr) return spec;
  for (const char* name : which.launchers) {
    const std::string launcher = find(name);
    if (launcher.empty()) continue;
    spec.launcher = launcher_of(which.kind, launcher, crowd);
    return spec;
  }
  refuse(fmt::format("{}: {} is not in PATH; {} bring it", which.label, which.launchers[0],
                     which.packages));
}

void add_mpi(std::vector<PeerSpec>& specs, const PeerCrowd& crowd, const FindProgram& find) {
  const bool mpich = !find("hfreduce-peer-mpich").empty();
  const bool openmpi = !find("hfreduce-peer-openmpi").empty();
  if (openmpi || !mpich) specs.push_back(built_in(kBuiltIns[0], crowd, find));
  if (mpich) specs.push_back(built_in(kBuiltIns[1], crowd, find));
}

PeerSpec foreign(const std::string& wish, const FindProgram& find) {
  Words words = split(wish.substr(5), ' ');
  if (words.empty()) refuse("exec: without a program; write exec:PROGRAM");
  const std::string found = find(words[0]);
  if (found.empty()) {
    refuse(fmt::format("{}: {} is no program that can be started", wish, words[0]));
  }
  const std::string label = std::filesystem::path(words[0]).stem().string();
  words[0] = found;
  return {PeerKind::kExec, label, words, {}, {{"", {}}}};
}

void add(std::vector<PeerSpec>& specs, const std::string& wish, const PeerCrowd& crowd,
         const FindProgram& find) {
  if (wish.rfind("exec:", 0) == 0) {
    specs.push_back(foreign(wish, find));
    return;
  }
  if (wish == "mpi") return add_mpi(specs, crowd, find);
  for (const BuiltIn& one : kBuiltIns) {
    if (wish == one.label) {
      specs.push_back(built_in(one, crowd, find));
      return;
    }
  }
  refuse(fmt::format("{}: unknown; choose mpi, openmpi, mpich, gloo or exec:PROGRAM", wish));
}

bool can_start(const std::string& path) {
  struct stat about;
  return stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::vector<PeerSpec> parse_compare(const std::vector<std::string>& wishes, const PeerCrowd& crowd,
                                    const FindProgram& find) {
  std::vector<PeerSpec> specs;
  for (const std::string& list : wishes) {
    for (const std::string& wish : split(list, ',')) add(specs, wish, crowd, find);
  }
  if (specs.empty() && !wishes.empty())
    refuse(fmt::format("{}: names nothing to compare with", wishes.front()));
  // Columns are told apart: by a number where two have one name, or ours.
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const std::string plain = specs[i].label;
    const auto taken = [&] {
      return specs[i].label == "hfreduce" ||
             std::any_of(specs.begin(), specs.begin() + static_cast<std::ptrdiff_t>(i),
                         [&](const PeerSpec& s) { return s.label == specs[i].label; });
    };
    for (int n = 2; taken(); ++n) specs[i].label = fmt::format("{}#{}", plain, n);
  }
  return specs;
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return can_start(name) ? name : "";
  Words folders;
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error && name.rfind("hfreduce-", 0) == 0) {
    folders = {self.parent_path().string(), self.parent_path() / "../libexec/hfreduce"};
  }
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path != nullptr ? path : "/usr/bin:/bin", ':')) {
    folders.push_back(folder);
  }
  for (const std::string& folder : folders) {
    const std::string whole = folder + "/" + name;
    if (can_start(whole)) return whole;
  }
  return "";
}

}  // namespace hfreduce::perf
