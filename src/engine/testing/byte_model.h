// For tests of the engine: a scripted model whose tokens are bytes, so that prompts and answers can
// be read and written as text. No weights, no runtime.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "engine/engine.h"
#include "runner/fake_runner.h"

namespace etb::testing {

// Bytes as tokens (id = byte value), <|im_start|> 256, <|im_end|> 257.
inline constexpr TokenId kStart = 256, kEnd = 257, kVocab = 258;

inline family::VocabData byte_vocab() {
  family::VocabData data;
  data.kind = family::VocabKind::SentencePiece;
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
    data.tokens.push_back(name);
    data.types.push_back(family::TokenType::Byte);
  }
  for (const char* control : {"<|im_start|>", "<|im_end|>"}) {
    data.tokens.push_back(control);
    data.types.push_back(family::TokenType::Control);
  }
  data.scores.assign(data.tokens.size(), 0);
  data.ids.eos = kEnd;
  return data;
}

inline constexpr const char* kTemplate =
    "{% for m in messages %}<|im_start|>{{ m.role }}:{{ m.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}";

// Answers every prompt with `reply`: the script looks for the last "assistant:" that was fed.
inline runner::FakeScript replying(std::string reply) {
  return [reply](std::span<const TokenId> history) {
    const std::string cue = "assistant:";
    const auto found =
        std::find_end(history.begin(), history.end(), cue.begin(), cue.end(),
                      [](TokenId a, char b) { return a == static_cast<uint8_t>(b); });
    const size_t said = static_cast<size_t>(history.end() - found) -
                        std::min<size_t>(cue.size(), static_cast<size_t>(history.end() - found));
    const TokenId next = said < reply.size() ? static_cast<uint8_t>(reply[said]) : kEnd;
    return runner::one_hot(next, kVocab);
  };
}

inline ModelBundle byte_bundle() {
  ModelBundle bundle;
  bundle.path = "byte-model";
  auto tokenizer = token::Tokenizer::create(byte_vocab());
  auto chat_template = prompt::ChatTemplate::parse(kTemplate);
  if (!tokenizer.ok() || !chat_template.ok()) std::abort();
  bundle.tokenizer = std::make_shared<token::Tokenizer>(std::move(tokenizer).value());
  bundle.chat_template = std::make_shared<prompt::ChatTemplate>(std::move(chat_template).value());
  return bundle;
}

// An engine that runs `runner` whatever model it is asked for.
inline std::shared_ptr<Engine> engine_on(std::shared_ptr<runner::FakeRunner> runner,
                                         EngineOptions options = {}) {
  options.model.model = "byte-model";
  options.loader = [runner](const ModelOptions&, const LoadProgress&,
                            const CancelToken*) -> Result<std::unique_ptr<LoadedModel>> {
    return LoadedModel::from_parts(byte_bundle(), runner);
  };
  auto engine = Engine::load(options);
  if (!engine.ok()) std::abort();
  return std::move(engine).value();
}

inline std::shared_ptr<runner::FakeRunner> byte_runner(std::string reply, uint32_t context = 512) {
  return runner::FakeRunner::make(
      {.vocab_size = kVocab, .context = context, .script = replying(std::move(reply))});
}

// Time that stands still until a test moves it.
class ManualClock final : public Clock {
 public:
  int64_t now_ns() const override { return now_ns_; }
  int64_t wall_seconds() const override { return 0; }
  void advance_ms(int64_t ms) { now_ns_ += ms * 1'000'000; }

 private:
  std::atomic<int64_t> now_ns_{1'000'000'000'000};
};

// The ids of a text, byte by byte.
inline std::vector<TokenId> ids_of(std::string_view text) {
  std::vector<TokenId> ids;
  for (const char c : text) ids.push_back(static_cast<uint8_t>(c));
  return ids;
}

}  // namespace etb::testing
