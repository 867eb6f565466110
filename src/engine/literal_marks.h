// Keeps what people wrote from turning into control tokens. Before rendering, each spelling of a
// control token inside a message is put between two marks (Unicode noncharacters, which no message
// holds); after rendering, what stands between marks is encoded as plain text. A template that
// escapes what it writes (JSON, repr()) leaves the marks as they are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "prompt/chat_template.h"
#include "token/tokenizer.h"

namespace etb {

class LiteralMarks {
 public:
  // Chooses marks that none of the messages holds, nor `more`. InvalidArgument if they hold all of
  // them.
  static Result<LiteralMarks> create(const token::Tokenizer& tokenizer,
                                     const std::vector<prompt::Message>& messages,
                                     std::string_view more = {});

  // The content with marks around each control token's spelling (leftmost, longest).
  std::string mark(std::string_view content) const;
  // What stands before a marked spelling.
  std::string_view open() const { return open_; }
  // A third mark that no message holds, for others.
  const std::string& spare() const { return spare_; }
  // What a render must let through as it is: RenderInput::marks.
  prompt::Marks characters() const { return characters_; }
  // Marked text as parts: control tokens are recognised outside the marks only. Views into `text`.
  std::vector<token::TextPart> split(std::string_view text) const;

 private:
  LiteralMarks(const token::Tokenizer& tokenizer, prompt::Marks characters);
  size_t longest_spelling_at(std::string_view content, size_t at) const;

  token::Tokenizer tokenizer_;               // holds what the spellings view
  std::vector<std::string_view> spellings_;  // of control tokens, sorted
  prompt::Marks characters_;
  std::string open_, close_, spare_;  // the same in UTF-8
};

}  // namespace etb
