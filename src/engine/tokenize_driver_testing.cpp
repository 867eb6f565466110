// A small program for comparing with other tokenizers: `etb_tokenize_driver PATH` reads JSON
// strings, one a line, and answers each with its ids, special tokens read as such. With texts
// behind PATH it prints milliseconds instead: of opening the tokenizer, then of encoding each text;
// the best of a few runs. `--kept PATH`: of openings that keep it in a cache folder, then of those
// that find it there.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>

#include "base/clock.h"
#include "base/text.h"
#include "engine/tokenizer_cache.h"
#include "token/json_reader.h"
#include "token/tokenizer.h"

namespace {

using etb::token::Tokenizer;

// `folder`: of the cache; empty: none.
etb::Result<Tokenizer> open(const std::string& path, const std::string& folder = "") {
  ETB_ASSIGN_OR_RETURN(const auto opened, etb::open_published_tokenizer(path, folder));
  return *opened.tokenizer;
}

double best_ms(
    int times, const std::function<void()>& run, const std::function<void()>& before = [] {}) {
  double best = 1e9;
  for (int i = 0; i < times; ++i) {
    before();
    const int64_t start = etb::Clock::system().now_ns();
    run();
    best = std::min(best, etb::elapsed_ms(start, etb::Clock::system().now_ns()));
  }
  return best;
}

bool answer_lines(const Tokenizer& tokenizer) {
  for (std::string line; std::getline(std::cin, line);) {
    etb::token::JsonReader json(line);
    std::string_view text;
    const auto ids = json.read_string(text) ? tokenizer.encode(text, {.parse_special = true})
                                            : etb::Result<std::vector<etb::TokenId>>(json.status());
    if (!ids.ok()) {
      std::cerr << ids.status().to_string() << "\n";
      return false;
    }
    for (const etb::TokenId id : *ids) std::cout << id << ' ';
    std::cout << '\n';
  }
  return true;
}

void time_kept(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() /
                          etb::concat("etb-tokenize-driver-", etb::Clock::system().wall_seconds());
  const auto run = [&] { (void)open(path, folder.string()); };
  std::cout << best_ms(5, run, [&] { fs::remove_all(folder); }) << '\n' << best_ms(5, run) << '\n';
  fs::remove_all(folder);
}

}  // namespace

int main(int argc, char** argv) {
  const bool kept = argc == 3 && std::string_view(argv[1]) == "--kept";
  if (argc < 2) {
    std::cerr << "use: etb_tokenize_driver [--kept] PATH [TEXT...]\n";
    return 2;
  }
  const std::string path = argv[kept ? 2 : 1];
  const auto tokenizer = open(path);
  if (!tokenizer.ok()) {
    std::cerr << tokenizer.status().to_string() << "\n";
    return 1;
  }
  if (kept) {
    time_kept(path);
    return 0;
  }
  if (argc == 2) return answer_lines(*tokenizer) ? 0 : 1;
  std::cout << best_ms(5, [&] { (void)open(path); }) << '\n';
  for (int i = 2; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    const std::string bytes = text.str();
    std::cout << best_ms(3, [&] { (void)tokenizer->encode(bytes, {.parse_special = true}); })
              << '\n';
  }
  return 0;
}
