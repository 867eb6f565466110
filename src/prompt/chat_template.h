// Chat templates: the Jinja text that a model file carries, turned into prompts as Hugging Face's
// apply_chat_template does it (sandboxed, trim_blocks, lstrip_blocks, loop controls, its tojson).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "media/media.h"
#include "prompt/jinja/limits.h"
#include "prompt/value.h"

namespace etb::prompt {

// An image or a sound that stands in a message's content: before its byte `at`.
struct Attachment {
  size_t at = 0;
  std::shared_ptr<const media::Media> media;
};

struct Message {
  std::string role;
  std::string content;
  bool pinned = false;         // stays in the context whatever goes; no template sees it
  std::string reasoning = {};  // of the assistant: `reasoning_content` in a template
  // Further fields that a template sees, a JSON object: "tool_calls", "tool_call_id", "name".
  std::string fields = {};
  // In the order of their places. A template is told of them by who renders it.
  std::vector<Attachment> media = {};
};

struct RenderInput {
  std::vector<Message> messages = {};
  // A list of dictionaries, e.g. with tool calls or content parts; stands in for `messages`.
  Value message_values = {};
  Value tools = nullptr;
  bool add_generation_prompt = false;
  std::optional<std::string> bos_token = {};  // nullopt: undefined in the template
  std::optional<std::string> eos_token = {};
  Value vars = {};  // a dictionary of further variables; they win over the ones above
  // What strftime_now shows (UTC); nullopt: strftime_now is undefined.
  std::optional<int64_t> now_seconds = {};
  // Characters in these texts that come through as they are even where a template escapes: JSON,
  // repr(), URLs.
  Marks marks = {};
};

// Immutable after parse(); any number of threads may render at once. Cheap to copy.
class ChatTemplate {
 public:
  // Corrupt or Unsupported, naming the line, when the text is no template that can be rendered.
  static Result<ChatTemplate> parse(std::string_view text, const jinja::Limits& limits = {});

  // InvalidArgument when the template refuses the conversation (is_refusal) or runs into an error,
  // or for a message whose fields are no JSON object (Corrupt: no JSON);
  // Unsupported when it uses up a limit.
  Result<std::string> render(const RenderInput& input) const;

  std::string_view text() const;

  // True for what the template raised itself, e.g. about the order of roles: `message` is its text.
  static bool is_refusal(const Status& status, std::string* message = nullptr);

 private:
  struct Parsed;
  explicit ChatTemplate(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}

  std::shared_ptr<const Parsed> parsed_;
};

}  // namespace etb::prompt
