#include "prompt/jinja/to_json.h"

#include <algorithm>
#include <cmath>

#include "prompt/jinja/operators.h"
#include "prompt/unicode.h"

namespace etb::prompt::jinja {
namespace {

void append_u16(std::string& out, uint32_t unit) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(unit >> shift) & 15];
}

void append_escaped(std::string& out, uint32_t c) {
  if (c < 0x10000) return append_u16(out, c);
  append_u16(out, 0xD800 + ((c - 0x10000) >> 10));
  append_u16(out, 0xDC00 + ((c - 0x10000) & 0x3FF));
}

std::string json_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return float_repr(value);
}

class JsonWriter {
 public:
  JsonWriter(Runtime& rt, const JsonStyle& style) : rt_(rt), style_(style) {}

  void write(const Value& value, size_t level) {
    if (rt_.failed() || !rt_.spend(1)) return;
    if (out_.size() > rt_.limits().string_bytes) {
      rt_.room_for_string(out_.size());
      return;
    }
    switch (value.kind()) {
      case Kind::None:
        out_ += "null";
        return;
      case Kind::Bool:
        out_ += value.integer() != 0 ? "true" : "false";
        return;
      case Kind::Int:
        out_ += std::to_string(value.integer());
        return;
      case Kind::Float:
        out_ += json_float(value.number());
        return;
      case Kind::BigInt:
        out_ += value.big_digits();
        return;
      case Kind::String:
        append_string(value.text());
        return;
      case Kind::Dict:
        return write_dict(value.dict(), level);
      case Kind::List:
        if (value.list().form == ListForm::List || value.list().form == ListForm::Tuple) {
          return write_list(value.items(), level);
        }
        break;
      default:
        break;
    }
    rt_.fail(concat("a ", value.type_name(), " cannot be written as JSON",
                    value.is_undefined() ? concat(" (", value.undefined_message(), ")") : ""));
  }

  std::string take() { return std::move(out_); }

 private:
  void append_string(std::string_view text) {
    append_json_string(out_, text, {style_.ensure_ascii, rt_.marks()});
  }

  void new_line(size_t level) {
    if (!style_.indent) return;
    out_ += '\n';
    for (size_t i = 0; i < level; ++i) out_ += *style_.indent;
  }

  void write_list(const std::vector<Value>& items, size_t level) {
    if (items.empty()) {
      out_ += "[]";
      return;
    }
    out_ += '[';
    for (size_t i = 0; i < items.size() && !rt_.failed(); ++i) {
      if (i > 0) out_ += style_.item_separator;
      new_line(level + 1);
      write(items[i], level + 1);
    }
    new_line(level);
    out_ += ']';
  }

  void write_key(const Value& key) {
    std::string text;
    switch (key.kind()) {
      case Kind::String:
        return append_string(key.text());
      case Kind::None:
        text = "null";
        break;
      case Kind::Bool:
        text = key.integer() != 0 ? "true" : "false";
        break;
      case Kind::Int:
        text = std::to_string(key.integer());
        break;
      case Kind::Float:
        text = json_float(key.number());
        break;
      case Kind::BigInt:
        text = key.big_digits();
        break;
      default:
        rt_.fail(concat("a ", key.type_name(), " cannot be a key of a JSON object"));
        return;
    }
    append_string(text);
  }

  void write_dict(const Dict& dict, size_t level) {
    if (dict.size() == 0) {
      out_ += "{}";
      return;
    }
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.entries()) entries.push_back(&entry);
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(), [this](const auto* a, const auto* b) {
        return order(rt_, a->first, b->first) < 0;
      });
    }
    out_ += '{';
    for (size_t i = 0; i < entries.size() && !rt_.failed(); ++i) {
      if (i > 0) out_ += style_.item_separator;
      new_line(level + 1);
      write_key(entries[i]->first);
      out_ += style_.key_separator;
      write(entries[i]->second, level + 1);
    }
    new_line(level);
    out_ += '}';
  }

  Runtime& rt_;
  const JsonStyle& style_;
  std::string out_;
};

}  // namespace

void append_json_string(std::string& out, std::string_view text, JsonEscapes escapes) {
  const auto is_escaped = [&escapes](char32_t c) {
    return c < 0x20 || (escapes.ensure_ascii && c > 0x7E && !escapes.marks.has(c));
  };
  out += '"';
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = code_point_at(text, at);
    switch (p.value) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\b':
        out += "\\b";
        break;
      default:
        if (p.value == kBrokenByte) {
          append_code_point(out, 0xFFFD);
        } else if (is_escaped(p.value)) {
          append_escaped(out, p.value);
        } else {
          out += text.substr(at, p.bytes);
        }
    }
    at += p.bytes;
  }
  out += '"';
}

std::string to_json(Runtime& rt, const Value& value, const JsonStyle& style) {
  JsonWriter writer(rt, style);
  writer.write(value, 0);
  return writer.take();
}

}  // namespace etb::prompt::jinja
