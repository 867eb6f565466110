// The state of `etbridge chat`, shared by its loop, its commands and what they show. What the model
// says goes to stdout, all else to stderr.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/request.h"
#include "engine/session.h"
#include "line_reader.h"
#include "terminal.h"

namespace etb::cli {

// Over all answers of a chat, whatever conversation they were in.
struct Totals {
  size_t answers = 0;
  size_t generated_tokens = 0;
  size_t prompt_tokens = 0;
  size_t cached_tokens = 0;
  size_t drafted_tokens = 0;
  size_t accepted_tokens = 0;
  void add(const Answer& answer);
};

struct Chat {
  std::shared_ptr<Engine> engine;
  LineReader& reader;
  GenerateOptions options;
  SessionOptions session_options;

  std::vector<std::shared_ptr<const media::Media>> attached = {};  // to the next message
  std::vector<std::unique_ptr<Session>> branches = {};  // never empty; the last is talked with
  std::unique_ptr<Request> warming = {};  // computes the system prompt while somebody types
  uint64_t asked = 0;                     // requests so far
  std::optional<Answer> last = {};
  std::vector<ToolResult> results = {};  // of calls of the last answer, given so far
  Totals totals = {};
  bool over = false;

  Session& session() const { return *branches.back(); }
};

// Asks, shows the answer as it comes, then its statistics.
Status answer(Chat& chat, Prompt prompt);
// Begins to compute what any next message will need, if somebody types it.
void warm(Chat& chat);

// Does what a line that begins with a slash says. InvalidArgument: there is no such command, or it
// cannot be done; nothing changed.
Status command(Chat& chat, const std::string& line);

void show_answer(const Answer& answer, int max_tokens);  // one line
void show_stats(const Chat& chat);
void show_memory(const Chat& chat);
// The messages, one line each, those of the user with their numbers; `number`: that exchange whole.
Status show_history(const Chat& chat, std::optional<size_t> number);
// Index of the user's N-th message, counted from 1. InvalidArgument: there is none.
Result<size_t> user_message(const std::vector<prompt::Message>& messages, size_t number);

}  // namespace etb::cli
