#include "bench.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <utility>

#include "base/text.h"
#include "platform/files.h"

namespace etb::bench {
namespace {

constexpr size_t kMostText = 1 << 20;

Status system_error(std::string_view what) {
  return {StatusCode::Internal, concat(what, " failed")};
}

std::string read_all(int file) {
  std::string out;
  std::array<char, 4096> piece{};
  for (ssize_t got = 0; (got = ::read(file, piece.data(), piece.size())) > 0;) {
    out.append(piece.data(), static_cast<size_t>(got));
  }
  return out;
}

[[noreturn]] void become(std::vector<std::string> arguments, int output) {
  arguments.insert(arguments.begin(), "bench_conversation");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::dup2(output, STDOUT_FILENO);
  ::execv("/proc/self/exe", pointers.data());
  ::_exit(127);
}

}  // namespace

void Report::line(std::string_view text) const {
  if (json_only_) return;
  std::printf("%.*s\n", static_cast<int>(text.size()), text.data());
  std::fflush(stdout);
}

std::string fixed(double number, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  return text.data();
}

double mib(uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

double Series::quantile(double share) const {
  if (figures_.empty()) return 0;
  std::vector<double> sorted = figures_;
  std::sort(sorted.begin(), sorted.end());
  const double place = std::ceil(share * static_cast<double>(sorted.size()));
  return sorted[static_cast<size_t>(std::max(place, 1.0)) - 1];
}

std::string Series::text(std::string_view unit) const {
  return concat("n ", count(), ", p50 ", fixed(median(), 1), ", p95 ", fixed(quantile(0.95), 1),
                ", max ", fixed(max(), 1), " ", unit);
}

cli::Json Series::json() const {
  cli::Json json;
  json.set("n", static_cast<uint64_t>(count()));
  json.set("p50", median());
  json.set("p95", quantile(0.95));
  json.set("max", max());
  return json;
}

Result<Prose> Prose::open() {
  ETB_ASSIGN_OR_RETURN(
      const std::string text,
      read_text_file(ETB_SOURCE_DIR "/tests/references/fidelity/text.txt", kMostText));
  Prose prose;
  std::istringstream in(text);
  for (std::string word; in >> word;) prose.words_.push_back(word);
  if (prose.words_.empty()) return Status(StatusCode::Corrupt, "the text is empty");
  return prose;
}

std::string Prose::words(size_t from, size_t count) const {
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) out += ' ';
    out += words_[(from + i) % words_.size()];
  }
  return out;
}

std::vector<TokenId> random_ids(size_t count, uint32_t vocab, Random& random) {
  std::vector<TokenId> ids(count);
  for (TokenId& id : ids) id = static_cast<TokenId>(random() % vocab);
  return ids;
}

double uniform(Random& random, double most) {
  return std::uniform_real_distribution<double>(0, most)(random);
}

Result<std::shared_ptr<Engine>> load_engine(const std::string& model, uint32_t context) {
  return Engine::load({.model = {.model = model, .context = context}, .pool = {.prefix_bytes = 0}});
}

Result<Answer> ask(Session& session, Prompt prompt, const GenerateOptions& options) {
  ETB_ASSIGN_OR_RETURN(const auto request, session.submit(std::move(prompt), options));
  return request->wait();
}

Folder::Folder() {
  std::error_code failed;
  std::string name = std::filesystem::temp_directory_path(failed) / "bench_conversation.XXXXXX";
  if (::mkdtemp(name.data()) != nullptr) path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::string Folder::path(std::string_view name) const {
  return concat(path_, "/", name);
}

Result<ChildEnd> run_self(const std::vector<std::string>& arguments,
                          const std::function<bool()>& before) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return system_error("pipe");
  const pid_t child = ::fork();
  if (child < 0) return system_error("fork");
  if (child == 0) {
    ::close(ends[0]);
    if (before && !before()) ::_exit(126);
    become(arguments, ends[1]);
  }
  ::close(ends[1]);
  ChildEnd end;
  end.output = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  if (::waitpid(child, &status, 0) != child) return system_error("waitpid");
  if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  return end;
}

}  // namespace etb::bench
