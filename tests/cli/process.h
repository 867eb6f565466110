// Runs the command line's binary as a user would and reports all that a user would see.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace etb::cli_test {

struct Launch {
  std::vector<std::string> arguments = {};  // after the program's name
  std::string input = {};                   // standard input
  uint64_t file_size_limit = 0;  // bytes a written file may have; 0: no limit. As a full disk
  int timeout_seconds = 60;
};

struct Outcome {
  int exit_code = -1;  // -1 if a signal ended it
  int signal = 0;
  bool timed_out = false;
  std::string out, err;

  std::string summary() const;  // for messages of a failed test
};

// `cache_folder` is where imports of .gguf files land.
Outcome launch(const Launch& what, const std::string& cache_folder);

}  // namespace etb::cli_test
