// A small program for comparing with other tokenizers: `etb_tokenize_driver PATH` reads JSON
// strings, one a line, and answers each with its ids, special tokens read as such. With texts
// behind PATH it prints milliseconds instead: of opening the tokenizer, then of encoding each text;
// the best of a few runs.
#include <algorithm>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>

#include "base/clock.h"
#include "token/json_reader.h"
#include "token/tokenizer.h"
#include "token/tokenizer_file.h"

namespace {

using etb::token::Tokenizer;

etb::Result<Tokenizer> open(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const auto files, etb::token::open_tokenizer(path));
  return Tokenizer::create(files.vocab);
}

double best_ms(int times, const std::function<void()>& run) {
  double best = 1e9;
  for (int i = 0; i < times; ++i) {
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

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "use: etb_tokenize_driver PATH [TEXT...]\n";
    return 2;
  }
  const auto tokenizer = open(argv[1]);
  if (!tokenizer.ok()) {
    std::cerr << tokenizer.status().to_string() << "\n";
    return 1;
  }
  if (argc == 2) return answer_lines(*tokenizer) ? 0 : 1;
  std::cout << best_ms(5, [&] { (void)open(argv[1]); }) << '\n';
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
