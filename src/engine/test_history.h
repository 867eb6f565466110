// For the tests of the history: a template and tokenizer in which every figure can be counted, and
// conversations, drawn or written.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "engine/history.h"

namespace etb::test {

// Renders "r:content;" a message, one id a character, and counts what it is asked to do.
struct Speller {
  size_t renders = 0;
  size_t characters = 0;

  FormatMessages format() {
    return [this](const std::vector<prompt::Message>& messages) -> Result<FormattedPrompt> {
      FormattedPrompt prompt;
      for (const prompt::Message& m : messages) {
        prompt.text += m.role.substr(0, 1) + ":" + m.content + ";";
      }
      prompt.ids.assign(prompt.text.begin(), prompt.text.end());
      ++renders;
      characters += prompt.text.size();
      return prompt;
    };
  }
};

inline std::string spelled(const std::vector<prompt::Message>& messages) {
  Speller speller;
  return speller.format()(messages)->text;
}

// "sys", then q0 a0 q1 a1 ..., then the question "now".
inline std::vector<prompt::Message> numbered(int exchanges) {
  std::vector<prompt::Message> messages = {{"system", "sys"}};
  for (int i = 0; i < exchanges; ++i) {
    messages.push_back({"user", "q" + std::to_string(i)});
    messages.push_back({"assistant", "a" + std::to_string(i)});
  }
  messages.push_back({"user", "now"});
  return messages;
}

// Adds an exchange of random shape: an answer, one after tools were called, or none at all. The
// assistant and tools speak in lower case, the user in upper case.
inline void add_exchange(std::mt19937& rng, std::vector<prompt::Message>& messages) {
  const auto text = [&](char letter) { return std::string(rng() % 40, letter); };
  const auto pinned = [&] { return rng() % 25 == 0; };
  if (rng() % 12 == 0) messages.push_back({"system", text('S')});
  messages.push_back({"user", text('U'), pinned()});
  if (rng() % 10 == 0) return;
  for (size_t calls = rng() % 5 == 0 ? 1 + rng() % 3 : 0; calls > 0; --calls) {
    messages.push_back({"assistant", text('c')});
    messages.push_back({"tool", text('t'), pinned()});
  }
  messages.push_back({"assistant", text('a'), pinned()});
}

inline std::vector<prompt::Message> random_conversation(std::mt19937& rng) {
  std::vector<prompt::Message> messages;
  if (rng() % 3 != 0) messages.push_back({"system", std::string(rng() % 20, 's')});
  if (rng() % 5 == 0) messages.push_back({"assistant", "hello"});
  for (size_t n = rng() % 14; n > 0; --n) add_exchange(rng, messages);
  messages.push_back({"user", std::string(rng() % 30, 'N')});
  return messages;
}

}  // namespace etb::test
