// "{} {0} {name.part[key]:>8}".format(...).
#include <charconv>
#include <optional>

#include "prompt/jinja/attributes.h"
#include "prompt/jinja/format.h"
#include "prompt/unicode.h"

namespace etb::prompt::jinja {
namespace {

bool is_align(char c) {
  return c == '<' || c == '>' || c == '^' || c == '=';
}

std::optional<uint64_t> read_number(std::string_view text, size_t& at) {
  uint64_t value = 0;
  const auto end = std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (end.ec != std::errc()) return std::nullopt;
  at = static_cast<size_t>(end.ptr - text.data());
  return value;
}

std::optional<FormatSpec> parse_spec(std::string_view text) {
  FormatSpec spec;
  size_t at = 0;
  const size_t first = text.empty() ? 0 : code_point_at(text, 0).bytes;
  if (first > 0 && first < text.size() && is_align(text[first])) {
    spec.fill = text.substr(0, first);
    spec.align = text[first];
    at = first + 1;
  } else if (first > 0 && is_align(text[0])) {
    spec.align = text[0];
    at = 1;
  }
  const auto peek = [&] { return at < text.size() ? text[at] : '\0'; };
  if (peek() == '+' || peek() == '-' || peek() == ' ') spec.sign = text[at++];
  if (peek() == '#') spec.alternate = ++at > 0;
  if (peek() == '0') {
    ++at;
    if (spec.align == '\0') {
      spec.align = '=';
      spec.fill = '0';
    }
  }
  if (const auto width = read_number(text, at)) spec.width = *width;
  if (peek() == ',' || peek() == '_') spec.grouping = text[at++];
  if (peek() == '.') {
    const auto precision = read_number(text, ++at);
    if (!precision || *precision > 1'000'000) return std::nullopt;
    spec.precision = static_cast<int>(*precision);
  }
  if (at < text.size()) spec.type = text[at++];
  if (at < text.size()) return std::nullopt;
  return spec;
}

class BraceFormatter {
 public:
  BraceFormatter(Runtime& rt, std::string_view format, const Arguments& arguments)
      : rt_(rt), format_(format), arguments_(arguments) {}

  Value run(bool markup) {
    for (size_t at = 0; at < format_.size() && !rt_.failed();) {
      const char c = format_[at];
      const bool doubled = at + 1 < format_.size() && format_[at + 1] == c;
      if (c != '{' && c != '}') {
        out_ += c;
        ++at;
      } else if (doubled) {
        out_ += c;
        at += 2;
      } else if (c == '}') {
        return rt_.fail("a single '}' in a format");
      } else {
        const size_t end = format_.find('}', at);
        if (end == std::string_view::npos) return rt_.fail("a single '{' in a format");
        field(format_.substr(at + 1, end - at - 1));
        at = end + 1;
      }
    }
    return rt_.string(std::move(out_), markup);
  }

 private:
  Value base_value(std::string_view name) {
    size_t at = 0;
    if (name.empty()) return positional(next_++);
    if (const auto index = read_number(name, at); index && at == name.size()) {
      return positional(*index);
    }
    if (const Value* found = arguments_.find(name)) return *found;
    return rt_.fail(concat("the format names '", name, "', which was not given"));
  }

  Value positional(uint64_t index) {
    if (index < arguments_.positional.size()) return arguments_.positional[index];
    return rt_.fail("the format needs more arguments than were given");
  }

  Value lookup(std::string_view path) {
    size_t at = std::min(path.find_first_of(".["), path.size());
    Value value = base_value(path.substr(0, at));
    while (at < path.size() && !rt_.failed()) {
      const bool item = path[at] == '[';
      const size_t end = item ? path.find(']', at) : path.find_first_of(".[", at + 1);
      if (item && end == std::string_view::npos) return rt_.fail("a '[' without ']' in a format");
      const std::string_view part = path.substr(at + 1, end == path.npos ? end : end - at - 1);
      int64_t index = 0;
      const auto read = std::from_chars(part.data(), part.data() + part.size(), index);
      const bool is_index = item && read.ec == std::errc() && read.ptr == part.data() + part.size();
      value = get_item(rt_, value, is_index ? Value(index) : Value(part));
      if (value.is_undefined())
        rt_.fail(concat("the format names '", path, "', which is undefined"));
      at = end == std::string_view::npos ? path.size() : end + (item ? 1 : 0);
    }
    return value;
  }

  void field(std::string_view text) {
    const size_t colon = text.find(':');
    std::string_view path = text.substr(0, colon);
    char conversion = '\0';
    if (path.size() >= 2 && path[path.size() - 2] == '!') {
      conversion = path.back();
      path.remove_suffix(2);
    }
    const auto spec = parse_spec(colon == std::string_view::npos ? "" : text.substr(colon + 1));
    if (!spec) {
      rt_.fail(concat("the format spec in '{", text, "}' is not supported"));
      return;
    }
    Value value = lookup(path);
    if (rt_.failed()) return;
    if (conversion == 'r') value = Value(rt_.repr_of(value));
    if (conversion == 's') value = Value(rt_.text_of(value));
    out_ += format_value(rt_, value, *spec);
  }

  Runtime& rt_;
  std::string_view format_;
  const Arguments& arguments_;
  std::string out_;
  uint64_t next_ = 0;
};

}  // namespace

Value brace_format(Runtime& rt, const Value& format, const Arguments& arguments) {
  return BraceFormatter(rt, format.text(), arguments).run(format.string().markup);
}

}  // namespace etb::prompt::jinja
