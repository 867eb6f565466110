// The recorded references of tests/references/fidelity (README.md there): what llama.cpp and a
// float model say to the same prompts, position by position. Read-only; every size is checked.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"

namespace etb::fidelity {

// What a reference thinks after one position: its likeliest tokens, best first, and the logarithm
// of the probability that is left for all others.
struct Position {
  std::vector<TokenId> ids;
  std::vector<float> logprobs;
  float rest = 0;

  // How far the best token is ahead of the second, in log-probability. Precondition: two or more.
  float gap() const { return logprobs[0] - logprobs[1]; }
};

// A reference's greedy answer and what it thought at each of its tokens.
struct Answer {
  std::string name;
  std::vector<TokenId> prompt;
  std::vector<TokenId> ids;
  std::vector<Position> positions;  // positions[i] chose ids[i]
};

enum class Reference { Float, Llama };

// All prompts in the order of the file. Corrupt if the two files do not fit each other.
Result<std::vector<Answer>> read_answers(const std::string& folder, Reference reference);

// "key value" lines of figures.txt.
Result<std::map<std::string, double>> read_figures(const std::string& folder);

// White space between decimal ids.
Result<std::vector<TokenId>> read_ids(const std::string& path);

// A file of positions by itself ("ETBTOP1\n", see record.py); `bytes` is the whole file.
Result<std::vector<Position>> parse_positions(const std::string& bytes);
Result<std::vector<Position>> read_positions(const std::string& path);

}  // namespace etb::fidelity
