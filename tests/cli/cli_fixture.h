// What the tests of the command line share: a folder of their own with a tiny random model in it,
// and the one rule of every failure - exit 1, one clear line on standard error, nothing
// half-written.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cli/process.h"

namespace etb::cli_test {

std::string read_bytes(const std::filesystem::path& path);
void write_bytes(const std::filesystem::path& path, std::string_view bytes);
// The files of a folder, sorted: what a failed verb must leave as it was.
std::vector<std::string> names_in(const std::filesystem::path& folder);
// Where `needle` begins after `from`; fails the test if it is not there.
size_t offset_of(const std::string& bytes, std::string_view needle, size_t from = 0);

class CommandLine : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  Outcome etbridge(std::vector<std::string> arguments, std::string input = "");
  Outcome run_raw(const std::filesystem::path& model, const std::string& prompt);
  std::filesystem::path file(const std::string& name) const { return folder_ / name; }
  std::filesystem::path put(const std::string& name, std::string_view bytes);

  // A random model of the architecture "llama", under 200 KB; the same bytes every time.
  static const std::string& tiny_gguf();
  // Its import by `etbridge import`.
  const std::string& tiny_pte();
  // Arguments that make `model` say "AAAA" and nothing else, up to its limit.
  std::vector<std::string> only_letters(const std::string& model);

  std::filesystem::path folder_;  // of this test
  std::filesystem::path cache_;   // where .gguf files are imported to
};

// Exit 1 by itself, one line on standard error that holds each of `words`, nothing on standard
// output.
testing::AssertionResult fails_clearly(const Outcome& outcome,
                                       const std::vector<std::string>& words = {});
// A clean end of either kind: exit 0, or a clear failure. No crash, no hang.
testing::AssertionResult ends_cleanly(const Outcome& outcome);

}  // namespace etb::cli_test
