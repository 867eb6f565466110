// From messages to token ids. The template's own control tokens become control tokens; what people
// and tools wrote stays text, even where it looks like one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/history.h"
#include "engine/model_bundle.h"

namespace etb {

// What the last turn's ids say: spliced into the next prompt as far as its text begins the same, so
// that an answer keeps the ids it was generated with.
struct Transcript {
  // The end of an answer: where a prompt that begins the same may go on by itself.
  struct Mark {
    size_t messages = 0;  // of the conversation, up to and with the answer
    size_t text = 0;      // bytes of `text`
    size_t ids = 0;
    bool operator==(const Mark&) const = default;
  };
  std::string text;
  std::vector<TokenId> ids;
  std::vector<Mark> marks;  // rising
};

// What else a template is told.
struct PromptSettings {
  int64_t now_seconds = 0;  // UTC: what strftime_now sees
  // `enable_thinking` of templates that can do either; nullopt: as the template likes.
  std::optional<bool> thinking = {};
  // What the model may call: a JSON array of declarations, as OpenAI's interface has them. Empty:
  // none. Where they go is the template's matter; one that knows no tools leaves them out.
  std::string tools = {};
};

// Renders with the model's chat template (Unsupported if it has none; the template's own complaint,
// e.g. about the order of roles, comes back as InvalidArgument) and encodes.
Result<FormattedPrompt> encode_messages(const ModelBundle& bundle,
                                        const std::vector<prompt::Message>& messages,
                                        const Transcript& transcript,
                                        const PromptSettings& settings);

// What a template may print as {{ bos_token }}: the token's text; empty if the model names none.
std::string token_text(const token::Tokenizer& tokenizer, const std::optional<TokenId>& id);

// The text is the whole prompt: control tokens in it are recognised, BOS goes first if the model
// wants one and the text does not begin with it.
Result<std::vector<TokenId>> encode_raw(const ModelBundle& bundle, std::string_view text);

}  // namespace etb
