// Filters that make text.
#include <algorithm>

#include "prompt/jinja/attributes.h"
#include "prompt/jinja/builtins.h"
#include "prompt/jinja/format.h"
#include "prompt/jinja/text_split.h"
#include "prompt/jinja/to_json.h"
#include "prompt/unicode.h"

namespace etb::prompt::jinja {
namespace {

// Filters take anything and work on its str(); text marked safe stays marked.
Value like(Runtime& rt, const Value& input, std::string text) {
  return rt.string(std::move(text), input.is_string() && input.string().markup);
}

template <std::string (*map)(std::string_view)>
Value map_filter(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "case filter", arguments, {});
  return like(rt, input, map(rt.text_of(input)));
}

Value trim(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "trim", arguments, {{"chars", false, nullptr}});
  const std::string text = rt.text_of(input);
  if (bound[0].is_none()) return like(rt, input, std::string(strip(text, Side::Both)));
  const std::string_view chars = bound.text(0);
  if (!rt.spend(text.size() / 16 * (1 + chars.size()))) return {};
  return like(rt, input, chars.empty() ? text : std::string(strip(text, Side::Both, chars)));
}

// jinja2's own title filter: words start after whitespace, dashes and opening brackets.
Value title(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "title", arguments, {});
  const std::string text = rt.text_of(input);
  const auto starts_word = [](char32_t c) {
    return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  };
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const CodePoint first = code_point_at(text, at);
    size_t end = at + first.bytes;
    const bool separator = starts_word(first.value);
    while (end < text.size() && starts_word(code_point_at(text, end).value) == separator) {
      end += code_point_at(text, end).bytes;
    }
    out += to_upper(text.substr(at, first.bytes));
    out += to_lower(text.substr(at + first.bytes, end - at - first.bytes));
    at = end;
  }
  return like(rt, input, std::move(out));
}

Value replace(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "replace", arguments, {{"old"}, {"new"}, {"count", false, nullptr}});
  const int64_t limit = bound[2].is_none() ? -1 : bound.integer(2);
  const std::string text = rt.text_of(input), from = rt.text_of(bound[0]),
                    to = rt.text_of(bound[1]);
  return rt.string(replace_text(rt, text, {from, to, limit}));
}

Value string(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "string", arguments, {});
  return input.is_string() ? input : rt.string(rt.text_of(input));
}

Value escape(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "escape", arguments, {});
  if (input.is_string() && input.string().markup) return input;
  return rt.string(escape_html(rt.text_of(input)), true);
}

Value force_escape(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "forceescape", arguments, {});
  return rt.string(escape_html(rt.text_of(input)), true);
}

Value safe(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "safe", arguments, {});
  return rt.string(rt.text_of(input), true);
}

JsonStyle json_style(Runtime& rt, const Bound& bound) {
  JsonStyle style;
  style.ensure_ascii = bound[0].truthy();
  style.sort_keys = bound[3].truthy();
  const Value& indent = bound[1];
  if (indent.is_string()) style.indent = indent.text();
  if (indent.is_integer()) {
    const int64_t width = std::max<int64_t>(indent.integer(), 0);
    if (!rt.room_for_string(static_cast<uint64_t>(width))) return style;
    style.indent = std::string(static_cast<size_t>(width), ' ');
  }
  if (style.indent) style.item_separator = ',';
  if (bound[2].is_none()) return style;
  const Value& separators = bound[2];
  const bool pair = (separators.is_form(ListForm::List) || separators.is_form(ListForm::Tuple)) &&
                    separators.items().size() == 2 && separators.items()[0].is_string() &&
                    separators.items()[1].is_string();
  if (!pair) {
    rt.fail("tojson(): separators must be two strings");
    return style;
  }
  style.item_separator = separators.items()[0].text();
  style.key_separator = separators.items()[1].text();
  return style;
}

// As Hugging Face replaces jinja2's: no HTML escapes, text as it is.
Value tojson(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "tojson", arguments,
                    {{"ensure_ascii", false, false},
                     {"indent", false, nullptr},
                     {"separators", false, nullptr},
                     {"sort_keys", false, false}});
  return rt.string(to_json(rt, input, json_style(rt, bound)));
}

Value indent(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "indent", arguments,
                    {{"width", false, 4}, {"first", false, false}, {"blank", false, false}});
  if (!input.is_string()) {
    return rt.fail(input.is_undefined() ? input.undefined_message()
                                        : std::string("indent needs a string"));
  }
  std::string margin;
  if (bound[0].is_string()) {
    margin = bound[0].text();
  } else {
    margin = justify_text(rt, "", {'>', bound.integer(0), " "});
  }
  const std::string text = input.string().text + "\n";
  const std::vector<std::string_view> lines = split_lines(rt, text, false);
  if (!rt.room_for_string(text.size() + static_cast<uint64_t>(lines.size()) * margin.size())) {
    return {};
  }
  std::string out = bound[1].truthy() ? margin : std::string();
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n';
    if (i > 0 && (bound[2].truthy() || !lines[i].empty())) out += margin;
    out += lines[i];
  }
  return like(rt, input, std::move(out));
}

Value format(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Value text = input.is_string() ? input : rt.string(rt.text_of(input));
  if (rt.failed()) return {};
  if (arguments.keyword.empty()) {
    return percent_format(rt, text, rt.list(arguments.positional, ListForm::Tuple));
  }
  if (!arguments.positional.empty()) {
    return rt.fail("format() takes positional or named values, not both");
  }
  Dict values;
  for (const auto& [name, value] : arguments.keyword) values.set(name->text, value);
  return percent_format(rt, text, rt.dict(std::move(values)));
}

Value center(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "center", arguments, {{"width", false, 80}});
  return like(rt, input, justify_text(rt, rt.text_of(input), {'^', bound.integer(0), " "}));
}

Value wordcount(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "wordcount", arguments, {});
  const std::string text = rt.text_of(input);
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = code_point_at(text, at);
    const bool word = is_word(p.value);
    words += word && !inside;
    inside = word;
    at += p.bytes;
  }
  return words;
}

Value truncate(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "truncate", arguments,
                    {{"length", false, 255},
                     {"killwords", false, false},
                     {"end", false, "..."},
                     {"leeway", false, nullptr}});
  if (!input.is_string()) return rt.fail("truncate needs a string");
  const int64_t length = bound.integer(0), leeway = bound[3].is_none() ? 5 : bound.integer(3);
  const std::string_view end = bound.text(2);
  const auto end_length = static_cast<int64_t>(count_code_points(end, nullptr));
  if (length < end_length || leeway < 0) return rt.fail("truncate(): the length is too small");
  const auto own_length = static_cast<int64_t>(input.string().length);
  if (own_length <= length || own_length - length <= leeway) return input;
  const size_t keep = byte_offset(input.text(), static_cast<size_t>(length - end_length));
  std::string out(input.text().substr(0, keep));
  if (!bound[1].truthy()) out.resize(std::min(out.rfind(' '), out.size()));
  return like(rt, input, out += end);
}

Value urlencode(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "urlencode", arguments, {});
  if (input.is_dict() || input.is_list()) return rt.fail("urlencode takes a string");
  constexpr std::string_view kHex = "0123456789ABCDEF", kPlain = "_.-~/";
  std::string out;
  const std::string text = rt.text_of(input);
  for (size_t at = 0; at < text.size(); ++at) {
    if (const CodePoint p = code_point_at(text, at); rt.marks().has(p.value)) {
      out += text.substr(at, p.bytes);
      at += p.bytes - 1;
      continue;
    }
    const char c = text[at];
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return rt.string(std::move(out));
}

constexpr Filter kFilters[] = {{"trim", trim},
                               {"upper", map_filter<to_upper>},
                               {"lower", map_filter<to_lower>},
                               {"capitalize", map_filter<capitalize>},
                               {"title", title},
                               {"replace", replace},
                               {"string", string},
                               {"e", escape},
                               {"escape", escape},
                               {"forceescape", force_escape},
                               {"safe", safe},
                               {"tojson", tojson},
                               {"indent", indent},
                               {"format", format},
                               {"center", center},
                               {"wordcount", wordcount},
                               {"truncate", truncate},
                               {"urlencode", urlencode}};

}  // namespace

std::span<const Filter> text_filters() {
  return kFilters;
}

}  // namespace etb::prompt::jinja
