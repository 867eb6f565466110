#include "engine/conversation_codec.h"

#include <bit>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "base/text.h"
#include "token/utf8.h"

static_assert(std::endian::native == std::endian::little, "files are little-endian");

namespace etb {
namespace {

class Writer {
 public:
  template <class N>
  requires std::is_unsigned_v<N>
  void number(N value) {
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  void text(std::string_view value) {
    number(uint64_t{value.size()});
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }
  template <class N>
  void numbers(const std::vector<N>& values) {
    number(uint64_t{values.size()});
    const auto* const data = reinterpret_cast<const uint8_t*>(values.data());
    bytes_.insert(bytes_.end(), data, data + values.size() * sizeof(N));
  }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

// After the first field that does not fit, every other one reads as empty.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : rest_(bytes) {}

  template <class N>
  requires std::is_unsigned_v<N> N number(const char* field) {
    N value = 0;
    if (!has(sizeof value, field)) return value;
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_ = rest_.subspan(sizeof value);
    return value;
  }
  // A count of things of which each takes `least` bytes: one that cannot be is none.
  size_t count(const char* field, size_t least) {
    const uint64_t value = number<uint64_t>(field);
    if (value <= rest_.size() / least) return static_cast<size_t>(value);
    fail(field);
    return 0;
  }
  std::string text(const char* field) {
    const size_t size = count(field, 1);
    std::string value(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size);
    if (token::first_invalid_utf8(value) != value.size()) fail(field);
    return value;
  }
  template <class N>
  std::vector<N> numbers(const char* field) {
    std::vector<N> values(count(field, sizeof(N)));
    if (!values.empty()) std::memcpy(values.data(), rest_.data(), values.size() * sizeof(N));
    rest_ = rest_.subspan(values.size() * sizeof(N));
    return values;
  }
  void expect_end() {
    if (!rest_.empty()) fail("end");
  }
  void fail(const char* field) {
    if (status_.ok()) {
      status_ =
          Status(StatusCode::Corrupt, concat("the conversation's field '", field, "' is damaged"));
    }
    rest_ = {};
  }
  const Status& status() const { return status_; }

 private:
  bool has(size_t bytes, const char* field) {
    if (rest_.size() >= bytes) return true;
    fail(field);
    return false;
  }

  std::span<const uint8_t> rest_;
  Status status_;
};

constexpr size_t kLeastMessageBytes = 5 * 8 + 4;
constexpr size_t kLeastMediaBytes = 2 * 8 + 4 * 4;

void write_media(Writer& writer, const prompt::Message& message) {
  writer.number(uint64_t{message.media.size()});
  for (const prompt::Attachment& attachment : message.media) {
    writer.number(uint64_t{attachment.at});
    writer.number(static_cast<uint32_t>(attachment.media->kind()));
    if (attachment.media->kind() == media::Kind::Image) {
      const media::Image& image = attachment.media->image();
      for (const uint32_t size : {image.width, image.height, 0U}) writer.number(size);
      writer.numbers(image.rgb);
    } else {
      const media::Audio& audio = attachment.media->audio();
      for (const uint32_t size : {audio.batch, audio.bins, audio.frames}) writer.number(size);
      writer.numbers(audio.values);
    }
  }
}

Result<std::shared_ptr<const media::Media>> read_one(Reader& reader) {
  const auto kind = reader.number<uint32_t>("media");
  uint32_t sizes[3] = {};
  for (uint32_t& size : sizes) size = reader.number<uint32_t>("media");
  if (kind == static_cast<uint32_t>(media::Kind::Image)) {
    return media::Media::image(
        {.width = sizes[0], .height = sizes[1], .rgb = reader.numbers<uint8_t>("media")});
  }
  return media::Media::audio({.batch = sizes[0],
                              .bins = sizes[1],
                              .frames = sizes[2],
                              .values = reader.numbers<float>("media")});
}

void read_media(Reader& reader, prompt::Message& message) {
  const size_t count = reader.count("media", kLeastMediaBytes);
  size_t before = 0;
  for (size_t i = 0; i < count && reader.status().ok(); ++i) {
    const uint64_t at = reader.number<uint64_t>("media");
    auto media = read_one(reader);
    if (!media.ok() || at < before || at > message.content.size()) return reader.fail("media");
    before = static_cast<size_t>(at);
    message.media.push_back({.at = before, .media = std::move(media).value()});
  }
}

void read_marks(Reader& reader, Conversation& conversation) {
  Transcript& transcript = conversation.transcript;
  transcript.marks.resize(reader.count("marks", 3 * sizeof(uint64_t)));
  for (Transcript::Mark& mark : transcript.marks) {
    mark = {.messages = static_cast<size_t>(reader.number<uint64_t>("marks")),
            .text = static_cast<size_t>(reader.number<uint64_t>("marks")),
            .ids = static_cast<size_t>(reader.number<uint64_t>("marks"))};
    const bool inside = mark.messages <= conversation.messages.size() &&
                        mark.text <= transcript.text.size() && mark.ids <= transcript.ids.size();
    if (!inside) reader.fail("marks");
  }
}

}  // namespace

std::vector<uint8_t> encode_conversation(const Conversation& conversation) {
  Writer writer;
  writer.number(kConversationVersion);
  writer.text(conversation.system);
  writer.number(uint64_t{conversation.messages.size()});
  for (const prompt::Message& message : conversation.messages) {
    writer.text(message.role);
    writer.text(message.content);
    writer.text(message.reasoning);
    writer.text(message.fields);
    write_media(writer, message);
    writer.number(uint32_t{message.pinned ? 1U : 0U});
  }
  writer.number(uint32_t{conversation.began.has_value() ? 1U : 0U});
  writer.number(static_cast<uint64_t>(conversation.began.value_or(0)));
  writer.number(uint64_t{conversation.history.cut});
  writer.number(uint64_t{conversation.history.summary.covers});
  writer.text(conversation.history.summary.text);
  writer.text(conversation.transcript.text);
  writer.number(uint64_t{conversation.transcript.ids.size()});
  for (const TokenId id : conversation.transcript.ids) writer.number(id);
  writer.number(uint64_t{conversation.transcript.marks.size()});
  for (const Transcript::Mark& mark : conversation.transcript.marks) {
    writer.number(uint64_t{mark.messages});
    writer.number(uint64_t{mark.text});
    writer.number(uint64_t{mark.ids});
  }
  return writer.take();
}

Result<Conversation> decode_conversation(std::span<const uint8_t> bytes) {
  Reader reader(bytes);
  const auto version = reader.number<uint32_t>("version");
  if (reader.status().ok() && version != kConversationVersion) {
    return Status(StatusCode::Unsupported,
                  concat("the conversation has format ", version, ", this build reads ",
                         kConversationVersion, ": save it again with the program that wrote it"));
  }
  Conversation conversation;
  conversation.system = reader.text("system");
  const size_t messages = reader.count("messages", kLeastMessageBytes);
  for (size_t i = 0; i < messages && reader.status().ok(); ++i) {
    prompt::Message message;
    message.role = reader.text("role");
    message.content = reader.text("content");
    message.reasoning = reader.text("reasoning");
    message.fields = reader.text("fields");
    read_media(reader, message);
    const auto pinned = reader.number<uint32_t>("pinned");
    if (pinned > 1) reader.fail("pinned");
    message.pinned = pinned == 1;
    conversation.messages.push_back(std::move(message));
  }
  const auto has_began = reader.number<uint32_t>("began");
  const auto began = static_cast<int64_t>(reader.number<uint64_t>("began"));
  if (has_began > 1) reader.fail("began");
  if (has_began == 1) conversation.began = began;
  conversation.history.cut = static_cast<size_t>(reader.number<uint64_t>("cut"));
  conversation.history.summary.covers = static_cast<size_t>(reader.number<uint64_t>("covers"));
  conversation.history.summary.text = reader.text("summary");
  if (conversation.history.cut > messages) reader.fail("cut");
  if (conversation.history.summary.covers > messages) reader.fail("covers");
  conversation.transcript.text = reader.text("transcript");
  conversation.transcript.ids.resize(reader.count("transcript ids", sizeof(TokenId)));
  for (TokenId& id : conversation.transcript.ids) id = reader.number<TokenId>("transcript ids");
  read_marks(reader, conversation);
  reader.expect_end();
  if (!reader.status().ok()) return reader.status();
  return conversation;
}

}  // namespace etb
