#include "library.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>
#include <type_traits>

#include "check.hpp"

namespace {

Library subject_library;
Library reference_libraries[3];
int references = 0;
bool is_first = false;

const char *path_from(const char *variable) {
  const char *const path = std::getenv(variable);
  REQUIRE(path != nullptr, "%s is not set", variable);
  return path;
}

// Stands for what an older library lacks.
template <typename Result, typename... Arguments>
auto refusing(Result (*)(Arguments...)) -> Result (*)(Arguments...) {
  return [](Arguments...) -> Result {
    if constexpr (std::is_same_v<Result, topkloss_status>) return TOPKLOSS_ERROR_OPTION;
    return Result();
  };
}

Library load(const char *path, const char *instruction_set) {
  Library library;
  // Read at first use.
  if (instruction_set != nullptr) setenv("TOPKLOSS_SIMD", instruction_set, 1);
  void *const file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(file != nullptr, "%s", dlerror());
#define LOOK_UP(function)                                                                              \
  library.function = reinterpret_cast<decltype(library.function)>(dlsym(file, "topkloss_" #function)); \
  if (library.function == nullptr) library.function = refusing(library.function);
  TOPKLOSS_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
  is_first = is_first || dlsym(file, "topkloss_executor_init") == nullptr;
  library.simd();
  unsetenv("TOPKLOSS_SIMD");
  library.set_num_threads(1);
  return library;
}

// A file of its own: the same one would not be loaded twice.
Library load_copy(const char *path, const char *instruction_set) {
  std::string copy = "/tmp/topkloss-fuzz-XXXXXX";
  const int file = mkstemp(copy.data());
  REQUIRE(file >= 0, "no temporary file");
  close(file);
  std::ofstream(copy, std::ios::binary) << std::ifstream(path, std::ios::binary).rdbuf();
  const Library library = load(copy.c_str(), instruction_set);
  unlink(copy.c_str());
  return library;
}

}  // namespace

void load_libraries() {
  const char *const path = path_from("TOPKLOSS_FUZZ_REFERENCE");
  unsetenv("TOPKLOSS_NUM_THREADS");
  unsetenv("OMP_NUM_THREADS");
  subject_library = load(path_from("TOPKLOSS_FUZZ_SUBJECT"), nullptr);
  for (const char *instruction_set : {"portable", "avx2", "avx512"}) {
    const Library library = load_copy(path, instruction_set);
    if (std::strcmp(library.simd(), instruction_set) == 0) reference_libraries[references++] = library;
  }
  REQUIRE(references > 0, "%s: portable is not to be had", path);
  std::fprintf(stderr, "subject: %s; references:", subject_library.simd());
  for (int i = 0; i < references; i++) std::fprintf(stderr, " %s", reference_libraries[i].simd());
  std::fprintf(stderr, "\n");
}

bool knows_rows_alone() { return is_first; }

const Library &subject() { return subject_library; }

int reference_count() { return references; }

const Library &reference(int index) { return reference_libraries[index]; }
