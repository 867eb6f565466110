// One line of `etbridge render`: a conversation as JSON in, a prompt as JSON out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "prompt/chat_template.h"

namespace etb::prompt {

struct RenderDefaults {
  std::optional<int64_t> now_seconds = {};
  // What the model's tokenizer says; a line's own "bos_token" and "eos_token" win.
  std::optional<std::string> bos_token = {};
  std::optional<std::string> eos_token = {};
};

// Line: {"messages", "tools", "add_generation_prompt", "bos_token", "eos_token", "vars"}, all but
// the first optional. Gives {"prompt": ...} or {"error": ...}, always one JSON object on one line.
std::string render_json_line(const ChatTemplate& chat_template, std::string_view line,
                             const RenderDefaults& defaults);

}  // namespace etb::prompt
