// Methods of strings.
#include <algorithm>

#include "prompt/jinja/attributes.h"
#include "prompt/jinja/format.h"
#include "prompt/jinja/operators.h"
#include "prompt/jinja/text_split.h"
#include "prompt/unicode.h"

namespace etb::prompt::jinja {
namespace {

Value like(Runtime& rt, const Value& self, std::string text) {
  return rt.string(std::move(text), self.string().markup);
}

template <Side side>
Value strip_method(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "strip", arguments, {{"chars", false, nullptr}});
  if (bound[0].is_none()) return like(rt, self, std::string(strip(self.text(), side)));
  const std::string_view chars = bound.text(0);
  if (!rt.spend(self.text().size() / 16 * (1 + chars.size()))) return {};
  if (chars.empty()) return self;
  return like(rt, self, std::string(strip(self.text(), side, chars)));
}

template <std::string (*map)(std::string_view)>
Value map_method(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "case method", arguments, {});
  return like(rt, self, map(self.text()));
}

Value split(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "split", arguments, {{"sep", false, nullptr}, {"maxsplit", false, -1}});
  return split_text(rt, self.text(), {bound[0], bound.integer(1), false});
}

Value rsplit(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "rsplit", arguments, {{"sep", false, nullptr}, {"maxsplit", false, -1}});
  return split_text(rt, self.text(), {bound[0], bound.integer(1), true});
}

Value splitlines(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "splitlines", arguments, {{"keepends", false, false}});
  std::vector<Value> lines;
  for (const std::string_view line : split_lines(rt, self.text(), bound[0].truthy())) {
    lines.push_back(rt.string(std::string(line)));
  }
  return rt.list(std::move(lines));
}

// The part of the string that [start, end) names, in code points; nullopt: start lies beyond it.
std::optional<std::string_view> window(const Bound& bound, const StringRep& text) {
  const auto length = static_cast<int64_t>(text.length);
  const auto clamp = [length](int64_t at) {
    return std::min(at < 0 ? std::max<int64_t>(at + length, 0) : at, length);
  };
  const int64_t raw_start = bound[1].is_none() ? 0 : bound.integer(1);
  const int64_t end = bound[2].is_none() ? length : clamp(bound.integer(2));
  if (raw_start > length || clamp(raw_start) > end) return std::nullopt;
  const std::string_view bytes = text.text;
  const size_t from = byte_offset(bytes, static_cast<size_t>(clamp(raw_start)));
  return bytes.substr(from, byte_offset(bytes, static_cast<size_t>(end)) - from);
}

template <bool at_end>
Value affix(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, at_end ? "endswith" : "startswith", arguments,
                    {{"prefix"}, {"start", false, nullptr}, {"end", false, nullptr}});
  const auto text = window(bound, self.string());
  const auto matches = [&](const Value& part) {
    if (!part.is_string()) {
      rt.fail(concat("startswith and endswith take strings, not ", part.type_name()));
      return false;
    }
    if (!text) return false;
    return at_end ? text->ends_with(part.text()) : text->starts_with(part.text());
  };
  if (!bound[0].is_form(ListForm::Tuple)) return matches(bound[0]);
  return std::any_of(bound[0].items().begin(), bound[0].items().end(), matches);
}

template <bool from_right, bool must_find>
Value find(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "find", arguments,
                    {{"sub"}, {"start", false, nullptr}, {"end", false, nullptr}});
  const std::string_view part = bound.text(0);
  const auto text = window(bound, self.string());
  const size_t at = !text        ? std::string_view::npos
                    : from_right ? text->rfind(part)
                                 : text->find(part);
  if (at != std::string_view::npos) {
    const std::string_view all = self.text();
    const auto before = static_cast<size_t>(text->data() - all.data()) + at;
    return static_cast<int64_t>(count_code_points(all.substr(0, before), nullptr));
  }
  return must_find ? rt.fail("index(): the substring is not there") : Value(-1);
}

Value count(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "count", arguments,
                    {{"sub"}, {"start", false, nullptr}, {"end", false, nullptr}});
  const std::string_view part = bound.text(0);
  const auto text = window(bound, self.string());
  if (!text) return 0;
  if (part.empty()) return static_cast<int64_t>(count_code_points(*text, nullptr) + 1);
  int64_t found = 0;
  for (size_t at = text->find(part); at != std::string_view::npos;
       at = text->find(part, at + part.size())) {
    ++found;
  }
  return found;
}

Value replace(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "replace", arguments, {{"old"}, {"new"}, {"count", false, -1}});
  const int64_t limit = bound.integer(2);
  return like(rt, self, replace_text(rt, self.text(), {bound.text(0), bound.text(1), limit}));
}

Value join(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "join", arguments, {{"iterable"}});
  std::string out;
  const Value::ListPtr items = walk(rt, bound[0]);
  for (size_t i = 0; i < items->items.size(); ++i) {
    const Value& item = items->items[i];
    if (!item.is_string()) {
      return rt.fail(concat("join(): item ", i, " is a ", item.type_name(), ", not a string"));
    }
    if (!rt.room_for_string(out.size() + self.text().size() + item.text().size())) return {};
    if (i > 0) out += self.text();
    out += item.text();
  }
  return like(rt, self, std::move(out));
}

Value format(Runtime& rt, const Value& self, const Arguments& arguments) {
  return brace_format(rt, self, arguments);
}

template <char align>
Value justify(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "justify", arguments, {{"width"}, {"fillchar", false, " "}});
  const int64_t width = bound.integer(0);
  const std::string_view fill = bound.text(1);
  if (count_code_points(fill, nullptr) != 1) return rt.fail("the fill must be one character");
  return like(rt, self, justify_text(rt, self.text(), {align, width, fill}));
}

Value zfill(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "zfill", arguments, {{"width"}});
  std::string_view text = self.text();
  const bool sign = text.starts_with('-') || text.starts_with('+');
  const int64_t width = bound.integer(0);
  const std::string digits = justify_text(rt, text.substr(sign), {'>', width - sign, "0"});
  return like(rt, self, std::string(text.substr(0, sign)) + digits);
}

template <bool from_right>
Value partition(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "partition", arguments, {{"sep"}});
  const std::string_view separator = bound.text(0), text = self.text();
  if (separator.empty()) return rt.fail("partition(): the separator is empty");
  const size_t at = from_right ? text.rfind(separator) : text.find(separator);
  const auto part = [&rt](std::string_view piece) { return rt.string(std::string(piece)); };
  if (at == std::string_view::npos) {
    if (from_right) return rt.list({part(""), part(""), self}, ListForm::Tuple);
    return rt.list({self, part(""), part("")}, ListForm::Tuple);
  }
  return rt.list({part(text.substr(0, at)), bound[0], part(text.substr(at + separator.size()))},
                 ListForm::Tuple);
}

Value removeprefix(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "removeprefix", arguments, {{"prefix"}});
  const std::string_view part = bound.text(0);
  if (!self.text().starts_with(part)) return self;
  return like(rt, self, std::string(self.text().substr(part.size())));
}

Value removesuffix(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "removesuffix", arguments, {{"suffix"}});
  const std::string_view part = bound.text(0), text = self.text();
  if (!text.ends_with(part)) return self;
  return like(rt, self, std::string(text.substr(0, text.size() - part.size())));
}

Value expandtabs(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "expandtabs", arguments, {{"tabsize", false, 8}});
  return like(rt, self, expand_tabs(rt, self.text(), bound.integer(0)));
}

template <bool (*accepts)(char32_t)>
Value every(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "is...", arguments, {});
  const std::string_view text = self.text();
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = code_point_at(text, at);
    if (!accepts(p.value)) return false;
    at += p.bytes;
  }
  return !text.empty();
}

bool is_alnum(char32_t c) {
  return is_alpha(c) || is_numeric(c);
}

// isupper and islower: some cased letter, and none of the other case.
template <bool (*wanted)(char32_t), bool (*other)(char32_t)>
Value cased(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "isupper", arguments, {});
  bool found = false;
  const std::string_view text = self.text();
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = code_point_at(text, at);
    if (other(p.value) || is_title(p.value)) return false;
    found |= wanted(p.value);
    at += p.bytes;
  }
  return found;
}

Value istitle(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "istitle", arguments, {});
  bool found = false, previous_cased = false;
  const std::string_view text = self.text();
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = code_point_at(text, at);
    const bool upper = is_upper(p.value) || is_title(p.value), lower = is_lower(p.value);
    if ((upper && previous_cased) || (lower && !previous_cased)) return false;
    previous_cased = upper || lower;
    found |= previous_cased;
    at += p.bytes;
  }
  return found;
}

Value isascii(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "isascii", arguments, {});
  return self.string().ascii;
}

constexpr Method kMethods[] = {{"strip", strip_method<Side::Both>},
                               {"lstrip", strip_method<Side::Left>},
                               {"rstrip", strip_method<Side::Right>},
                               {"split", split},
                               {"rsplit", rsplit},
                               {"splitlines", splitlines},
                               {"startswith", affix<false>},
                               {"endswith", affix<true>},
                               {"replace", replace},
                               {"join", join},
                               {"upper", map_method<to_upper>},
                               {"lower", map_method<to_lower>},
                               {"casefold", map_method<to_lower>},
                               {"title", map_method<to_title>},
                               {"capitalize", map_method<capitalize>},
                               {"swapcase", map_method<swap_case>},
                               {"find", find<false, false>},
                               {"rfind", find<true, false>},
                               {"index", find<false, true>},
                               {"rindex", find<true, true>},
                               {"count", count},
                               {"format", format},
                               {"ljust", justify<'<'>},
                               {"rjust", justify<'>'>},
                               {"center", justify<'^'>},
                               {"zfill", zfill},
                               {"partition", partition<false>},
                               {"rpartition", partition<true>},
                               {"removeprefix", removeprefix},
                               {"removesuffix", removesuffix},
                               {"expandtabs", expandtabs},
                               {"isspace", every<is_space>},
                               {"isalpha", every<is_alpha>},
                               {"isdigit", every<is_decimal>},
                               {"isdecimal", every<is_decimal>},
                               {"isnumeric", every<is_numeric>},
                               {"isalnum", every<is_alnum>},
                               {"isprintable", every<is_printable>},
                               {"isupper", cased<is_upper, is_lower>},
                               {"islower", cased<is_lower, is_upper>},
                               {"istitle", istitle},
                               {"isascii", isascii},
                               {"encode"},
                               {"format_map"},
                               {"isidentifier"},
                               {"maketrans"},
                               {"translate"}};

}  // namespace

std::span<const Method> string_methods() {
  return kMethods;
}

}  // namespace etb::prompt::jinja
