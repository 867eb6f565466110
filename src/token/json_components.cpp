#include "token/json_components.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace etb::token {
namespace {

using Kind = JsonValue::Kind;
using Behavior = SplitStep::Behavior;

constexpr size_t kMaxNesting = 8;  // sequences in sequences

constexpr std::string_view kPunctuation = R"([!-/:-@\[-`{-~\p{P}])";

const std::string& type_of(const JsonValue& json) {
  return json["type"].text;
}

// Of a component that is there: it must be an object with a type.
Status check_type(const JsonValue& json, std::string_view component) {
  if (json.kind == Kind::Object && json["type"].is_string()) return {};
  return refused_component(component, json.shown());
}

Result<std::string> read_text(const JsonValue& object, std::string_view component,
                              std::string_view key) {
  const JsonValue& value = object[key];
  if (value.is_string()) return value.text;
  return refused_component(concat(component, ".", key), value.shown());
}

// {"String": ...} or {"Regex": ...}
struct Pattern {
  bool is_regex = false;
  std::string text;
};
Result<Pattern> read_pattern(const JsonValue& object, std::string_view component) {
  const JsonValue& json = object["pattern"];
  Pattern pattern;
  pattern.is_regex = !json["Regex"].is_null();
  const JsonValue& text = json[pattern.is_regex ? "Regex" : "String"];
  if (json.members.size() != 1 || !text.is_string() || text.text.empty()) {
    return refused_component(concat(component, ".pattern"), json.shown());
  }
  pattern.text = text.text;
  return pattern;
}

Result<Behavior> read_behavior(const JsonValue& object, std::string_view component) {
  constexpr std::pair<std::string_view, Behavior> kNames[] = {
      {"Removed", Behavior::Removed},
      {"Isolated", Behavior::Isolated},
      {"MergedWithPrevious", Behavior::MergedWithPrevious},
      {"MergedWithNext", Behavior::MergedWithNext},
      {"Contiguous", Behavior::Contiguous},
  };
  const JsonValue& json = object["behavior"];
  for (const auto& [name, behavior] : kNames) {
    if (json.text == name) return behavior;
  }
  return refused_component(concat(component, ".behavior"), json.shown());
}

SplitStep regex_step(std::string_view pattern, Behavior behavior, bool invert = false) {
  return {SplitStep::Kind::Regex, behavior, invert, false, std::string(pattern), {}};
}

Status read_replace(const JsonValue& json, std::string_view component, NormalizeStep& step) {
  ETB_RETURN_IF_ERROR(check_keys(json, component, {"type", "pattern", "content"}));
  ETB_ASSIGN_OR_RETURN(Pattern pattern, read_pattern(json, component));
  ETB_ASSIGN_OR_RETURN(step.to, read_text(json, component, "content"));
  step.kind = pattern.is_regex ? NormalizeStep::Kind::ReplaceRegex : NormalizeStep::Kind::Replace;
  step.from = std::move(pattern.text);
  return {};
}

Status read_normalizer_step(const JsonValue& json, NormalizeStep& step) {
  using Normalize = NormalizeStep::Kind;
  constexpr std::pair<std::string_view, Normalize> kPlain[] = {
      {"NFC", Normalize::Nfc},
      {"NFD", Normalize::Nfd},
      {"NFKC", Normalize::Nfkc},
      {"NFKD", Normalize::Nfkd},
      {"Lowercase", Normalize::Lowercase},
      {"StripAccents", Normalize::StripAccents},
  };
  const std::string& type = type_of(json);
  const std::string component = concat("normalizer ", type);
  for (const auto& [name, kind] : kPlain) {
    if (type != name) continue;
    step.kind = kind;
    return check_keys(json, component, {"type"});
  }
  if (type == "Replace") return read_replace(json, component, step);
  if (type == "Prepend") {
    step.kind = Normalize::Prepend;
    ETB_RETURN_IF_ERROR(check_keys(json, component, {"type", "prepend"}));
    ETB_ASSIGN_OR_RETURN(step.to, read_text(json, component, "prepend"));
    return {};
  }
  if (type == "Strip") {
    step.kind = Normalize::Strip;
    ETB_RETURN_IF_ERROR(check_keys(json, component, {"type", "strip_left", "strip_right"}));
    ETB_ASSIGN_OR_RETURN(step.left, read_flag(json, component, "strip_left", false));
    ETB_ASSIGN_OR_RETURN(step.right, read_flag(json, component, "strip_right", false));
    return {};
  }
  return refused_component("normalizer", json["type"].shown());
}

// The components of a Sequence, or the one component there is, in order. `visit` returns a Status.
template <class Visit>
Status each_component(const JsonValue& json, std::string_view component, std::string_view list,
                      const Visit& visit, size_t depth = 0) {
  if (json.is_null()) return {};
  ETB_RETURN_IF_ERROR(check_type(json, component));
  if (type_of(json) != "Sequence") return visit(json);
  ETB_RETURN_IF_ERROR(check_keys(json, concat(component, " Sequence"), {"type", list}));
  if (json[list].kind != Kind::Array || depth == kMaxNesting) {
    return refused_component(component, json.shown());
  }
  for (const JsonValue& item : json[list].items) {
    if (item.is_null()) return refused_component(component, "null in a Sequence");
    ETB_RETURN_IF_ERROR(each_component(item, component, list, visit, depth + 1));
  }
  return {};
}

Status read_byte_level(const JsonValue& json, PreTokenizerFacts& facts) {
  constexpr std::string_view kName = "pre_tokenizer ByteLevel";
  ETB_RETURN_IF_ERROR(
      check_keys(json, kName, {"type", "add_prefix_space", "trim_offsets", "use_regex"}));
  ETB_ASSIGN_OR_RETURN(const bool prefix, read_flag(json, kName, "add_prefix_space", true));
  ETB_ASSIGN_OR_RETURN(const bool regex, read_flag(json, kName, "use_regex", true));
  if (prefix) {
    facts.splits.push_back({SplitStep::Kind::Prepend, Behavior::Isolated, false, false, {}, " "});
  }
  if (regex) facts.splits.push_back(regex_step(kGpt2Words, Behavior::Isolated));
  facts.byte_level = true;
  return {};
}

Status read_split(const JsonValue& json, PreTokenizerFacts& facts) {
  constexpr std::string_view kName = "pre_tokenizer Split";
  ETB_RETURN_IF_ERROR(check_keys(json, kName, {"type", "pattern", "behavior", "invert"}));
  ETB_ASSIGN_OR_RETURN(Pattern pattern, read_pattern(json, kName));
  SplitStep step;
  step.kind = pattern.is_regex ? SplitStep::Kind::Regex : SplitStep::Kind::Literal;
  step.pattern = std::move(pattern.text);
  ETB_ASSIGN_OR_RETURN(step.behavior, read_behavior(json, kName));
  ETB_ASSIGN_OR_RETURN(step.invert, read_flag(json, kName, "invert", false));
  facts.splits.push_back(std::move(step));
  return {};
}

// "always", "first" or "never"; older files have a flag instead.
Result<std::string> read_prepend_scheme(const JsonValue& json, std::string_view component) {
  ETB_ASSIGN_OR_RETURN(const bool legacy, read_flag(json, component, "add_prefix_space", true));
  if (json["prepend_scheme"].is_null()) return std::string(legacy ? "always" : "never");
  ETB_ASSIGN_OR_RETURN(std::string scheme, read_text(json, component, "prepend_scheme"));
  if (scheme == "always" || scheme == "first" || scheme == "never") return scheme;
  return refused_component(concat(component, ".prepend_scheme"), json["prepend_scheme"].shown());
}

Status check_metaspace(const JsonValue& json, std::string_view component) {
  ETB_RETURN_IF_ERROR(check_keys(
      json, component,
      {"type", "replacement", "str_rep", "add_prefix_space", "prepend_scheme", "split"}));
  if (json["replacement"].text == kSpaceMark) return {};
  return refused_component(concat(component, ".replacement"), json["replacement"].shown());
}

Status read_metaspace(const JsonValue& json, PreTokenizerFacts& facts) {
  constexpr std::string_view kName = "pre_tokenizer Metaspace";
  const std::string mark(kSpaceMark);
  ETB_RETURN_IF_ERROR(check_metaspace(json, kName));
  ETB_ASSIGN_OR_RETURN(const std::string scheme, read_prepend_scheme(json, kName));
  ETB_ASSIGN_OR_RETURN(const bool split, read_flag(json, kName, "split", true));
  facts.splits.push_back({SplitStep::Kind::Replace, Behavior::Isolated, false, false, " ", mark});
  if (scheme != "never") {
    facts.splits.push_back(
        {SplitStep::Kind::Prepend, Behavior::Isolated, false, scheme == "first", {}, mark});
  }
  if (split) {
    facts.splits.push_back(
        {SplitStep::Kind::Literal, Behavior::MergedWithNext, false, false, mark, {}});
  }
  return {};
}

Status read_pre_tokenizer_step(const JsonValue& json, PreTokenizerFacts& facts) {
  const std::string& type = type_of(json);
  if (facts.byte_level) return refused_component("pre_tokenizer", concat(type, " after ByteLevel"));
  if (type == "ByteLevel") return read_byte_level(json, facts);
  if (type == "Split") return read_split(json, facts);
  if (type == "Metaspace") return read_metaspace(json, facts);
  if (type == "Digits") {
    ETB_RETURN_IF_ERROR(check_keys(json, "pre_tokenizer Digits", {"type", "individual_digits"}));
    ETB_ASSIGN_OR_RETURN(const bool single,
                         read_flag(json, "pre_tokenizer Digits", "individual_digits", false));
    facts.splits.push_back(regex_step(single ? R"(\p{N})" : R"(\p{N}+)", Behavior::Isolated));
    return {};
  }
  if (type == "Whitespace") {
    facts.splits.push_back(regex_step(R"(\w+|[^\w\s]+)", Behavior::Removed, true));
    return check_keys(json, "pre_tokenizer Whitespace", {"type"});
  }
  if (type == "WhitespaceSplit") {
    facts.splits.push_back(regex_step(R"(\s)", Behavior::Removed));
    return check_keys(json, "pre_tokenizer WhitespaceSplit", {"type"});
  }
  if (type == "Punctuation") {
    ETB_RETURN_IF_ERROR(check_keys(json, "pre_tokenizer Punctuation", {"type", "behavior"}));
    Behavior behavior = Behavior::Isolated;
    if (!json["behavior"].is_null()) {
      ETB_ASSIGN_OR_RETURN(behavior, read_behavior(json, "pre_tokenizer Punctuation"));
    }
    facts.splits.push_back(regex_step(kPunctuation, behavior));
    return {};
  }
  return refused_component("pre_tokenizer", json["type"].shown());
}

Status read_decoder_step(const JsonValue& json, DecoderFacts& facts) {
  const std::string& type = type_of(json);
  if (type == "ByteLevel") {
    facts.byte_level = true;
  } else if (type == "ByteFallback") {
    facts.byte_fallback = true;
  } else if (type == "Metaspace") {
    ETB_RETURN_IF_ERROR(check_metaspace(json, "decoder Metaspace"));
    ETB_ASSIGN_OR_RETURN(const std::string scheme, read_prepend_scheme(json, "decoder Metaspace"));
    facts.space_marks = true;
    facts.strips_space |= scheme != "never";
  } else if (type == "Replace") {
    NormalizeStep step;
    ETB_RETURN_IF_ERROR(read_replace(json, "decoder Replace", step));
    if (step.from != kSpaceMark || step.to != " ") {
      return refused_component("decoder Replace", concat("of ", json["pattern"].shown()));
    }
    facts.space_marks = true;
  } else if (type == "Strip") {
    const bool one_space =
        json["content"].text == " " && json["start"].number == 1 && json["stop"].number == 0;
    if (!one_space) return refused_component("decoder Strip", "of more than one space in front");
    facts.strips_space = true;
  } else if (type != "Fuse") {
    return refused_component("decoder", json["type"].shown());
  }
  return {};
}

// One entry of TemplateProcessing's "special_tokens".
Result<TokenId> template_id(const JsonValue& json, const std::string& name) {
  const JsonValue& ids = json["special_tokens"][name]["ids"];
  const double id = ids.items.size() == 1 ? ids.items[0].number : -1;
  const bool whole =
      id >= 0 && id < kNoToken && id == static_cast<double>(static_cast<TokenId>(id));
  if (whole && ids.items[0].kind == Kind::Number) return static_cast<TokenId>(id);
  return refused_component("post_processor TemplateProcessing", concat("with '", name, "'"));
}

Status read_template(const JsonValue& json, PostProcessorFacts& facts) {
  constexpr std::string_view kName = "post_processor TemplateProcessing";
  ETB_RETURN_IF_ERROR(check_keys(json, kName, {"type", "single", "pair", "special_tokens"}));
  bool behind = false;
  for (const JsonValue& item : json["single"].items) {
    if (!item["Sequence"].is_null()) {
      if (std::exchange(behind, true)) return refused_component(kName, "with two sequences");
      continue;
    }
    const JsonValue& special = item["SpecialToken"]["id"];
    if (!special.is_string()) return refused_component(kName, item.shown());
    auto& place = behind ? facts.after : facts.before;
    if (place) return refused_component(kName, "with two tokens on one side of the text");
    ETB_ASSIGN_OR_RETURN(place, template_id(json, special.text));
  }
  return behind ? Status() : refused_component(kName, "without a sequence");
}

}  // namespace

Status refused_component(std::string_view component, std::string_view what) {
  return Status(StatusCode::Unsupported,
                concat("tokenizer.json: ", component, " ", what, " is not supported"));
}

Status check_keys(const JsonValue& object, std::string_view component,
                  std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : object.members) {
    if (value.is_null() || std::find(known.begin(), known.end(), key) != known.end()) continue;
    return refused_component(concat(component, ".", std::string_view(key).substr(0, 64)),
                             value.shown());
  }
  return {};
}

Result<bool> read_flag(const JsonValue& object, std::string_view component, std::string_view key,
                       bool fallback) {
  const JsonValue& value = object[key];
  if (value.is_null()) return fallback;
  if (value.kind == Kind::Bool) return value.boolean;
  return refused_component(concat(component, ".", key), value.shown());
}

Status read_normalizer(const JsonValue& json, std::vector<NormalizeStep>& steps) {
  return each_component(json, "normalizer", "normalizers", [&](const JsonValue& item) {
    return read_normalizer_step(item, steps.emplace_back());
  });
}

Result<PreTokenizerFacts> read_pre_tokenizer(const JsonValue& json) {
  PreTokenizerFacts facts;
  ETB_RETURN_IF_ERROR(
      each_component(json, "pre_tokenizer", "pretokenizers",
                     [&](const JsonValue& item) { return read_pre_tokenizer_step(item, facts); }));
  return facts;
}

Result<DecoderFacts> read_decoder(const JsonValue& json) {
  DecoderFacts facts;
  // Without one the tokens would be joined by spaces.
  if (json.is_null()) return refused_component("decoder", "null");
  ETB_RETURN_IF_ERROR(each_component(json, "decoder", "decoders", [&](const JsonValue& item) {
    return read_decoder_step(item, facts);
  }));
  return facts;
}

Result<PostProcessorFacts> read_post_processor(const JsonValue& json) {
  PostProcessorFacts facts;
  ETB_RETURN_IF_ERROR(
      each_component(json, "post_processor", "processors", [&](const JsonValue& item) -> Status {
        if (type_of(item) == "ByteLevel") return {};  // about offsets only
        if (type_of(item) != "TemplateProcessing") {
          return refused_component("post_processor", item["type"].shown());
        }
        if (facts.before || facts.after) {
          return refused_component("post_processor", "with two templates");
        }
        return read_template(item, facts);
      }));
  return facts;
}

}  // namespace etb::token
