// The components of a tokenizer.json but for its model: from their JSON to what they mean here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "token/json_reader.h"
#include "token/text_rules.h"

namespace etb::token {

inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, "▁"

// Unsupported: "tokenizer.json: COMPONENT WHAT is not supported".
Status refused_component(std::string_view component, std::string_view what);
// Refuses members that are not listed and not null.
Status check_keys(const JsonValue& object, std::string_view component,
                  std::initializer_list<std::string_view> known);
// A member that is true or false; `fallback` where it is missing. Refuses other values.
Result<bool> read_flag(const JsonValue& object, std::string_view component, std::string_view key,
                       bool fallback);

// Appends the steps. Null: nothing.
Status read_normalizer(const JsonValue& json, std::vector<NormalizeStep>& steps);

struct PreTokenizerFacts {
  std::vector<SplitStep> splits;
  bool byte_level = false;  // the words go on as bytes
};
Result<PreTokenizerFacts> read_pre_tokenizer(const JsonValue& json);

struct DecoderFacts {
  bool byte_level = false;
  bool space_marks = false;    // a space mark in a token is a space in text
  bool byte_fallback = false;  // "<0x0A>" is a byte
  bool strips_space = false;   // the first space of a text is left out
};
Result<DecoderFacts> read_decoder(const JsonValue& json);

struct PostProcessorFacts {
  std::optional<TokenId> before, after;  // put around a text
};
Result<PostProcessorFacts> read_post_processor(const JsonValue& json);

}  // namespace etb::token
