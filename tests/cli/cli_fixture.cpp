#include "cli/cli_fixture.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "support/random_gguf.h"

namespace etb::cli_test {

namespace fs = std::filesystem;

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

void write_bytes(const fs::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(file.flush().good()) << path;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

size_t offset_of(const std::string& bytes, std::string_view needle, size_t from) {
  const size_t at = bytes.find(needle, from);
  EXPECT_NE(at, std::string::npos) << "no '" << needle << "' in the file";
  return at == std::string::npos ? 0 : at;
}

void CommandLine::SetUp() {
  ASSERT_TRUE(fs::exists(ETB_CLI)) << ETB_CLI << ": build the target etbridge first";
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const fs::path root = fs::path(testing::TempDir()) / concat("etb_cli_", getpid()) / test->name();
  folder_ = root / "work";
  cache_ = root / "cache";
  fs::create_directories(folder_);
  fs::create_directories(cache_);
}

void CommandLine::TearDown() {
  fs::remove_all(folder_.parent_path());
}

const std::string& CommandLine::tiny_gguf() {
  static const std::string bytes = test::random_gguf({});
  return bytes;
}

const std::string& CommandLine::tiny_pte() {
  static std::string bytes;
  if (bytes.empty()) {
    const fs::path source = cache_ / "tiny.gguf", made = cache_ / "tiny.pte";
    write_bytes(source, tiny_gguf());
    const Outcome outcome = etbridge({"import", source.string(), "-o", made.string()});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.summary();
    bytes = read_bytes(made);
    fs::remove(made);
  }
  return bytes;
}

std::vector<std::string> CommandLine::only_letters(const std::string& model) {
  const std::string id = etbridge({"tokenize", model}, "\"A\"\n").out;  // "[36]\n"
  EXPECT_TRUE(id.starts_with('[')) << id;
  return {"--logit-bias", id.substr(1, id.find(']') - 1) + "=1000"};
}

Outcome CommandLine::etbridge(std::vector<std::string> arguments, std::string input) {
  return launch({.arguments = std::move(arguments), .input = std::move(input)}, cache_.string());
}

Outcome CommandLine::run_raw(const fs::path& model, const std::string& prompt) {
  return etbridge({"run", model.string(), "--raw", "-p", prompt, "-n", "2", "--temp", "0"});
}

fs::path CommandLine::put(const std::string& name, std::string_view bytes) {
  write_bytes(file(name), bytes);
  return file(name);
}

namespace {

// Lines of standard error that are no progress; without a terminal an import says once that it
// runs.
std::vector<std::string> complaints(const std::string& err) {
  std::vector<std::string> lines;
  std::istringstream in(err);
  for (std::string line; std::getline(in, line);) {
    if (line != "importing ...") lines.push_back(line);
  }
  return lines;
}

}  // namespace

testing::AssertionResult fails_clearly(const Outcome& outcome,
                                       const std::vector<std::string>& words) {
  if (outcome.exit_code != 1) return testing::AssertionFailure() << outcome.summary();
  if (!outcome.out.empty()) return testing::AssertionFailure() << "output: " << outcome.summary();
  const auto lines = complaints(outcome.err);
  if (lines.size() != 1 || !lines[0].starts_with("error: ") || lines[0].size() < 12) {
    return testing::AssertionFailure() << "not one clear line: " << outcome.summary();
  }
  for (const std::string& word : words) {
    if (outcome.err.find(word) == std::string::npos) {
      return testing::AssertionFailure() << "'" << word << "' is not named: " << outcome.summary();
    }
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult ends_cleanly(const Outcome& outcome) {
  if (outcome.exit_code == 0) return testing::AssertionSuccess();
  return fails_clearly(outcome);
}

}  // namespace etb::cli_test
