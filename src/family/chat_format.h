// How a family is talked with: the chat template for a file that has none of its own, and which
// files it is meant for. Found by what the file says of itself - tokens of its vocabulary, its
// layers - and by nothing else: a file that fits no row has no template, rather than a likely one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace etb::family {

// Renders what the family's published template renders, byte for byte
// (tests/references/formats); in addition a system text where that refuses one.
struct ChatFormat {
  std::string_view name;
  std::span<const std::string_view> tokens;       // special tokens that the vocabulary has, all
  std::span<const std::string_view> absent = {};  // and those that it has not, none
  std::span<const uint32_t> layers = {};          // numbers of layers; empty: any
  std::span<const std::string_view> text;         // the template, in pieces
  std::span<const std::string_view> stop_texts;   // special tokens that end an answer
};

// Between what a model reasons before it answers.
struct ReasoningPair {
  std::string_view open, close;
  // What the template of a model says that reasons so although neither its template nor its
  // vocabulary has the tags; empty: no such model is known.
  std::string_view told_by = {};
};

// How a family writes the tools it calls: a mark, a body, perhaps another mark. The body is a JSON
// object {"name": ..., "arguments": {...}} or an array of such; or, where `json` is not empty, the
// name, perhaps `id` and an id, then `json` and the arguments as a JSON object; or tags:
// <function=NAME>, for each argument <parameter=KEY> VALUE </parameter>, </function>.
struct CallFormat {
  std::string_view name;
  std::string_view open;          // often a control token
  std::string_view close = {};    // empty: it ends with its body
  std::string_view between = {};  // white space between marks and body, as models write it
  // What templates of this form write, where another form has the same marks: then the vocabulary
  // does not tell it.
  std::string_view told_by = {};
  std::string_view id = {}, json = {};  // may be control tokens, too
  bool tagged = false;
  size_t id_size = 0;                        // characters of an id that its templates take; 0: any
  std::string_view arguments = "arguments";  // what that key is called
  bool list = false;                         // the calls of an answer share marks and an array
  bool bare = false;    // an answer that begins with the object is a call without a mark
  bool single = false;  // one call an answer: the template can show no more
};

// What a model file says of itself.
struct ModelTraits {
  std::function<bool(std::string_view text)> has_token;  // a special token spelt so
  uint32_t layers = 0;                                   // 0: it does not say
};

std::span<const ChatFormat> chat_formats();
// The row of that name, or null.
const ChatFormat* chat_format_named(std::string_view name);
// The first row that fits, or null.
const ChatFormat* find_chat_format(const ModelTraits& traits);
// The row of which the template writes the close tag (or what tells it) or the vocabulary has both
// tags; or null.
const ReasoningPair* find_reasoning(std::string_view chat_template, const ModelTraits& traits);
// The row of which the template writes the open mark and what else tells it, else of which the
// vocabulary has the marks; or null:
// no fixed form is known (Gemma: as its prompt asks for it).
const CallFormat* find_calls(std::string_view chat_template, const ModelTraits& traits);
// The template writes the calls of earlier answers.
bool shows_calls(std::string_view chat_template);
// The template looks for the tools in the system message, as a text (Phi-4-mini), and not where
// templates commonly do.
bool tools_in_system_message(std::string_view chat_template);
// The template's text, whole.
std::string template_text(const ChatFormat& format);
// "llama-3.2, ..." for messages.
std::string known_chat_formats();

}  // namespace etb::family
