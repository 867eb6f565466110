#include "prompt/jinja/text_split.h"

#include <algorithm>

#include "prompt/unicode.h"

namespace etb::prompt::jinja {
namespace {

using Pieces = std::vector<std::string_view>;

// All pieces between runs of whitespace; after `limit` cuts the rest stays whole.
Pieces split_space(std::string_view text, uint64_t limit) {
  Pieces pieces;
  text = strip(text, Side::Left);
  while (!text.empty()) {
    if (pieces.size() == limit) {
      pieces.push_back(text);
      break;
    }
    size_t end = 0;
    while (end < text.size()) {
      const CodePoint p = code_point_at(text, end);
      if (is_space(p.value)) break;
      end += p.bytes;
    }
    pieces.push_back(text.substr(0, end));
    text = strip(text.substr(end), Side::Left);
  }
  return pieces;
}

Pieces split_separator(std::string_view text, std::string_view separator, uint64_t limit) {
  Pieces pieces;
  while (pieces.size() < limit) {
    const size_t at = text.find(separator);
    if (at == std::string_view::npos) break;
    pieces.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  pieces.push_back(text);
  return pieces;
}

Pieces rsplit_space(std::string_view text, uint64_t limit) {
  const std::string_view all = strip(text, Side::Right);
  Pieces pieces = split_space(all, UINT64_MAX);  // at most half as many pieces as bytes
  if (pieces.size() <= limit) return pieces;
  const size_t joined = pieces.size() - static_cast<size_t>(limit);
  const std::string_view last = pieces[joined - 1];
  const char* end = last.data() + last.size();
  Pieces kept{text.substr(0, static_cast<size_t>(end - text.data()))};
  kept.insert(kept.end(), pieces.begin() + static_cast<ptrdiff_t>(joined), pieces.end());
  return kept;
}

Pieces rsplit_separator(std::string_view text, std::string_view separator, uint64_t limit) {
  Pieces pieces;
  while (pieces.size() < limit) {
    const size_t at = text.rfind(separator);
    if (at == std::string_view::npos) break;
    pieces.push_back(text.substr(at + separator.size()));
    text = text.substr(0, at);
  }
  pieces.push_back(text);
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

bool is_line_end(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

}  // namespace

Value split_text(Runtime& rt, std::string_view text, const SplitHow& how) {
  // One more than a list may hold: enough for the check below to fail.
  const uint64_t most = rt.limits().list_items + 1;
  const uint64_t limit = how.limit < 0 ? most : std::min(static_cast<uint64_t>(how.limit), most);
  Pieces pieces;
  if (how.separator.is_none()) {
    pieces = how.from_right ? rsplit_space(text, limit) : split_space(text, limit);
  } else if (!how.separator.is_string() || how.separator.text().empty()) {
    return rt.fail("split(): the separator must be a string that is not empty");
  } else {
    const std::string_view separator = how.separator.text();
    pieces = how.from_right ? rsplit_separator(text, separator, limit)
                            : split_separator(text, separator, limit);
  }
  std::vector<Value> values;
  if (!rt.room_for_items(pieces.size())) return {};
  values.reserve(pieces.size());
  for (const std::string_view piece : pieces) values.push_back(rt.string(std::string(piece)));
  return rt.list(std::move(values));
}

std::vector<std::string_view> split_lines(Runtime& rt, std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t start = 0;
  for (size_t at = 0; at < text.size() && rt.room_for_more(lines.size());) {
    const CodePoint p = code_point_at(text, at);
    if (!is_line_end(p.value)) {
      at += p.bytes;
      continue;
    }
    const bool crlf = p.value == '\r' && at + 1 < text.size() && text[at + 1] == '\n';
    const size_t next = at + (crlf ? 2 : p.bytes);
    lines.push_back(text.substr(start, (keep_ends ? next : at) - start));
    start = at = next;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

std::string replace_text(Runtime& rt, std::string_view text, const Replacement& what) {
  uint64_t left = what.limit < 0 ? UINT64_MAX : static_cast<uint64_t>(what.limit);
  std::string out;
  if (!rt.spend_bytes(text.size())) return out;
  size_t at = 0;
  const auto fits = [&] {
    const size_t size = out.size() + what.new_text.size();
    return size <= rt.limits().string_bytes || rt.room_for_string(size);
  };
  if (what.old_text.empty()) {  // between all characters, and at both ends
    for (; left > 0 && fits(); --left) {
      out += what.new_text;
      if (at >= text.size()) return out;
      const size_t bytes = code_point_at(text, at).bytes;
      out += text.substr(at, bytes);
      at += bytes;
    }
    return out += text.substr(at);
  }
  for (; left > 0 && fits(); --left) {
    const size_t found = text.find(what.old_text, at);
    if (found == std::string_view::npos) break;
    out += text.substr(at, found - at);
    out += what.new_text;
    at = found + what.old_text.size();
  }
  return out += text.substr(at);
}

std::string justify_text(Runtime& rt, std::string_view text, const Justify& how) {
  const auto length = static_cast<int64_t>(count_code_points(text, nullptr));
  if (how.width <= length) return std::string(text);
  const auto missing = static_cast<uint64_t>(how.width - length);
  if (missing > rt.limits().string_bytes || !rt.room_for_string(missing * how.fill.size())) {
    rt.room_for_string(UINT64_MAX);
    return {};
  }
  uint64_t before = 0;
  if (how.align == '>') before = missing;
  // Python puts the odd one to the left when the width is odd.
  if (how.align == '^') before = missing / 2 + (missing & static_cast<uint64_t>(how.width) & 1);
  std::string out;
  for (uint64_t i = 0; i < before; ++i) out += how.fill;
  out += text;
  for (uint64_t i = before; i < missing; ++i) out += how.fill;
  return out;
}

std::string expand_tabs(Runtime& rt, std::string_view text, int64_t tab_size) {
  std::string out;
  int64_t column = 0;
  for (size_t at = 0; at < text.size() && !rt.failed();) {
    const CodePoint p = code_point_at(text, at);
    if (p.value == '\t') {
      const int64_t fill = tab_size > 0 ? tab_size - column % tab_size : 0;
      if (!rt.room_for_string(out.size() + static_cast<uint64_t>(fill))) break;
      out.append(static_cast<size_t>(fill), ' ');
      column += fill;
    } else {
      out += text.substr(at, p.bytes);
      column = p.value == '\n' || p.value == '\r' ? 0 : column + 1;
    }
    at += p.bytes;
  }
  return out;
}

}  // namespace etb::prompt::jinja
