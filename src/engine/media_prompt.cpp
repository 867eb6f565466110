#include "engine/media_prompt.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace etb {
namespace {

using media::Kind;

constexpr size_t kHashDigits = 16;

bool inside_character(std::string_view text, size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
}

// Calls `text` and `one` for what stands in a message, in order.
template <class Text, class One>
void walk(const prompt::Message& message, Text text, One one) {
  const std::string_view content = message.content;
  size_t at = 0;
  for (const prompt::Attachment& attachment : message.media) {
    text(content.substr(at, attachment.at - at));
    one(*attachment.media);
    at = attachment.at;
  }
  text(content.substr(at));
}

prompt::Value part(std::string_view type, std::optional<std::string> text) {
  prompt::Dict dict;
  dict.set("type", prompt::Value(std::string(type)));
  if (text) dict.set("text", prompt::Value(std::move(*text)));
  return prompt::Value::dict(std::move(dict));
}

Status check_places(const prompt::Message& message) {
  size_t before = 0;
  for (const prompt::Attachment& attachment : message.media) {
    const size_t at = attachment.at;
    if (attachment.media == nullptr || at < before || at > message.content.size() ||
        inside_character(message.content, at)) {
      return {StatusCode::InvalidArgument,
              concat("an attachment of the ", message.role, " message stands at byte ", at, " of ",
                     message.content.size(), ": they are in order, between whole characters")};
    }
    before = at;
  }
  return {};
}

}  // namespace

Result<MediaTags> MediaTags::create(const ModelBundle& bundle,
                                    const std::vector<prompt::Message>& messages,
                                    std::string mark) {
  MediaTags tags;
  tags.mark_ = std::move(mark);
  tags.image_ = bundle.image_marks;
  tags.audio_ = bundle.audio_marks;
  for (const prompt::Message& message : messages) {
    ETB_RETURN_IF_ERROR(check_places(message));
    for (const prompt::Attachment& attachment : message.media) {
      const media::Media& media = *attachment.media;
      auto count = bundle.media.positions_of(media);
      if (!count.ok()) return count.status().with_context(bundle.path);
      Known& known = tags.known_[media.hash()];
      known.media = {.begin = 0, .count = *count, .media = attachment.media};
      ++known.uses;
      tags.order_.push_back(attachment.media);
    }
  }
  return tags;
}

const MediaMarks& MediaTags::marks_of(const media::Media& media) const {
  return media.kind() == Kind::Image ? image_ : audio_;
}

std::string MediaTags::tag_of(const media::Media& media) const {
  return concat(mark_, hex(media.hash()), mark_);
}

std::string MediaTags::tagged(const prompt::Message& message, const ChangeText& change) const {
  std::string text;
  walk(
      message, [&](std::string_view piece) { text += change(piece); },
      [&](const media::Media& media) { text += tag_of(media); });
  return text;
}

prompt::Value MediaTags::parts(const prompt::Message& message, const ChangeText& change,
                               const std::string& behind) {
  std::vector<prompt::Value> list;
  walk(
      message,
      [&](std::string_view piece) {
        if (!piece.empty()) list.push_back(part("text", change(piece)));
      },
      [&](const media::Media& media) {
        list.push_back(part(media::kind_name(media.kind()), std::nullopt));
      });
  if (!behind.empty()) list.push_back(part("text", behind));
  return prompt::Value::list(std::move(list));
}

std::optional<std::string> MediaTags::from_placeholders(std::string_view rendered,
                                                        std::string_view literal) const {
  std::string text;
  auto next = order_.begin();
  while (true) {
    const std::string_view wanted =
        next == order_.end() ? std::string_view() : marks_of(**next).placeholder;
    if (next != order_.end() && wanted.empty()) return std::nullopt;
    size_t at = std::string_view::npos;
    std::string_view found;
    for (const MediaMarks* marks : {&image_, &audio_}) {
      const size_t place =
          marks->placeholder.empty() ? std::string_view::npos : rendered.find(marks->placeholder);
      if (place >= at) continue;
      at = place;
      found = marks->placeholder;
    }
    if (at == std::string_view::npos) break;
    text += rendered.substr(0, at);
    if (std::string_view(text).ends_with(literal)) {  // somebody wrote it
      text += found;
    } else if (found != wanted) {
      return std::nullopt;
    } else {
      text += tag_of(**next++);
    }
    rendered.remove_prefix(at + found.size());
  }
  if (next != order_.end()) return std::nullopt;
  return text + std::string(rendered);
}

std::vector<MediaTags::Piece> MediaTags::split(std::string_view text) const {
  std::vector<Piece> pieces;
  while (!known_.empty()) {
    const size_t at = text.find(mark_);
    if (at == std::string_view::npos) break;
    const std::string_view digits = text.substr(at + mark_.size(), kHashDigits);
    uint64_t hash = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), hash, 16);
    const auto known = known_.find(hash);
    pieces.push_back({.text = text.substr(0, at),
                      .media = known == known_.end() ? nullptr : &known->second.media});
    text.remove_prefix(std::min(text.size(), at + 2 * mark_.size() + kHashDigits));
  }
  pieces.push_back({.text = text});
  return pieces;
}

bool MediaTags::all_in(std::string_view text) const {
  std::map<const PromptMedia*, size_t> seen;
  for (const Piece& piece : split(text)) {
    if (piece.media != nullptr) ++seen[piece.media];
  }
  return std::ranges::all_of(known_, [&](const auto& entry) {
    const auto found = seen.find(&entry.second.media);
    return found != seen.end() && found->second == entry.second.uses;
  });
}

std::string MediaTags::surrounded(std::string_view text) const {
  std::string whole;
  for (const Piece& piece : split(text)) {
    whole += piece.text;
    if (piece.media == nullptr) continue;
    const media::Media& media = *piece.media->media;
    whole += concat(marks_of(media).before, tag_of(media), marks_of(media).after);
  }
  return whole;
}

}  // namespace etb
