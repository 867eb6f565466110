// str() and repr() of values, letter for letter as Python writes them.
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "prompt/object.h"
#include "prompt/unicode.h"
#include "prompt/value.h"

namespace etb::prompt {
namespace {

class ReprWriter {
 public:
  ReprWriter(size_t limit, Marks marks) : limit_(limit), marks_(marks) {}

  void write(const Value& value) {
    if (full()) return;
    switch (value.kind()) {
      case Kind::Undefined:
        out_ += "Undefined";
        break;
      case Kind::None:
        out_ += "None";
        break;
      case Kind::Bool:
        out_ += value.integer() ? "True" : "False";
        break;
      case Kind::Int:
        out_ += std::to_string(value.integer());
        break;
      case Kind::Float:
        out_ += float_repr(value.number());
        break;
      case Kind::BigInt:
        out_ += value.big_digits();
        break;
      case Kind::String:
        write_string(value.string());
        break;
      case Kind::List:
        write_list(value.list());
        break;
      case Kind::Dict:
        write_dict(value.dict());
        break;
      case Kind::Object:
        out_ += value.object().repr(limit_ - out_.size(), marks_);
        break;
    }
  }
  std::string take() { return std::move(out_); }

 private:
  bool full() const { return out_.size() > limit_; }

  void write_string(const StringRep& string) {
    if (string.markup) out_ += "Markup(";
    append_string_repr(out_, string.text, marks_);
    if (string.markup) out_ += ')';
  }

  void write_items(const std::vector<Value>& items) {
    for (size_t i = 0; i < items.size() && !full(); ++i) {
      if (i > 0) out_ += ", ";
      write(items[i]);
    }
  }

  void write_range(const std::vector<Value>& items) {
    const int64_t first = items.empty() ? 0 : items.front().integer();
    const int64_t step = items.size() < 2 ? 1 : items[1].integer() - first;
    const int64_t stop = items.empty() ? 0 : items.back().integer() + (step > 0 ? 1 : -1);
    out_ += concat("range(", first, ", ", stop);
    if (step != 1) out_ += concat(", ", step);
    out_ += ')';
  }

  void write_list(const ListRep& list) {
    switch (list.form) {
      case ListForm::Range:
        return write_range(list.items);
      case ListForm::Iterator:
        out_ += "<generator object>";
        return;
      case ListForm::List:
        break;
      case ListForm::Tuple:
        out_ += '(';
        break;
      case ListForm::Keys:
        out_ += "dict_keys(";
        break;
      case ListForm::Values:
        out_ += "dict_values(";
        break;
      case ListForm::Items:
        out_ += "dict_items(";
        break;
    }
    const bool tuple = list.form == ListForm::Tuple;
    if (!tuple) out_ += '[';
    write_items(list.items);
    if (tuple && list.items.size() == 1) out_ += ',';
    if (!tuple) out_ += ']';
    if (list.form != ListForm::List) out_ += ')';
  }

  void write_dict(const Dict& dict) {
    out_ += '{';
    for (size_t i = 0; i < dict.size() && !full(); ++i) {
      if (i > 0) out_ += ", ";
      write(dict.entries()[i].first);
      out_ += ": ";
      write(dict.entries()[i].second);
    }
    out_ += '}';
  }

  std::string out_;
  size_t limit_;
  Marks marks_;
};

void append_hex(std::string& out, char prefix, uint32_t value, int digits) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '\\';
  out += prefix;
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += kHex[(value >> shift) & 15];
}

}  // namespace

void append_string_repr(std::string& out, std::string_view text, Marks marks) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const bool has_double = text.find('"') != std::string_view::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  out += quote;
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = code_point_at(text, at);
    const auto c = static_cast<uint32_t>(p.value);
    if (p.value == kBrokenByte) {
      append_hex(out, 'x', static_cast<unsigned char>(text[at]), 2);
    } else if (c == static_cast<uint32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_printable(p.value) || marks.has(p.value)) {
      out += text.substr(at, p.bytes);
    } else if (c <= 0xFF) {
      append_hex(out, 'x', c, 2);
    } else {
      append_hex(out, c <= 0xFFFF ? 'u' : 'U', c, c <= 0xFFFF ? 4 : 8);
    }
    at += p.bytes;
  }
  out += quote;
}

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 64> buffer;
  const double magnitude = std::fabs(value);
  // Python: shortest digits, exponent form below 1e-4 and from 1e16 on.
  const bool exponent = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e16);
  const auto format = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
  std::string text(buffer.data(), end);
  if (!exponent && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string to_repr(const Value& value, size_t limit, Marks marks) {
  ReprWriter writer(limit, marks);
  writer.write(value);
  return writer.take();
}

std::string to_text(const Value& value, size_t limit, Marks marks) {
  if (value.is_string()) return value.string().text;
  if (value.is_undefined()) return {};
  return to_repr(value, limit, marks);
}

}  // namespace etb::prompt
