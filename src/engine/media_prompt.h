// Images and sounds on their way through a chat template. A tag stands for each - a mark that no
// message holds, around the hash of its content - so that a rendered prompt says which one stands
// where, and two prompts that show other images are other texts.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/model_bundle.h"
#include "prompt/chat_template.h"
#include "prompt/value.h"

namespace etb {

// One image or sound of a prompt: positions [begin, begin + count) of its ids.
struct PromptMedia {
  size_t begin = 0;
  uint32_t count = 0;
  std::shared_ptr<const media::Media> media;
};

using ChangeText = std::function<std::string(std::string_view text)>;

class MediaTags {
 public:
  // Of all that the messages carry. `mark`: a text that stands nowhere in them. Unsupported: the
  // model takes none of that kind. InvalidArgument: one of sizes that it does not take, or that
  // stands inside a character or beyond the end of its message.
  static Result<MediaTags> create(const ModelBundle& bundle,
                                  const std::vector<prompt::Message>& messages, std::string mark);

  bool empty() const { return known_.empty(); }

  // A message's content with tags, or as a list of parts: {"type": "text", "text": ...} and
  // {"type": "image"}. Texts go through `change`, piece by piece; `behind` is a last text as it is.
  std::string tagged(const prompt::Message& message, const ChangeText& change) const;
  static prompt::Value parts(const prompt::Message& message, const ChangeText& change,
                             const std::string& behind);

  // A template was given parts: tags for the placeholders that it wrote, but for those right behind
  // `literal`. nullopt: they are not as many as the messages' media.
  std::optional<std::string> from_placeholders(std::string_view rendered,
                                               std::string_view literal) const;
  // Each stands in the text as often as in the messages.
  bool all_in(std::string_view text) const;
  // What the family writes around each.
  std::string surrounded(std::string_view text) const;

  // The parts of a text that stand between tags, in order, each with the media behind it (the last
  // one with none).
  struct Piece {
    std::string_view text;
    const PromptMedia* media = nullptr;  // its `begin` is not set
  };
  std::vector<Piece> split(std::string_view text) const;

 private:
  struct Known {
    PromptMedia media;
    size_t uses = 0;  // in the messages
  };

  const MediaMarks& marks_of(const media::Media& media) const;
  std::string tag_of(const media::Media& media) const;

  std::string mark_;
  MediaMarks image_, audio_;
  std::map<uint64_t, Known> known_;                         // by hash
  std::vector<std::shared_ptr<const media::Media>> order_;  // as the messages have them
};

}  // namespace etb
