#include "stream/tag_scanner.h"

namespace etb::stream {

Scan TagScanner::push(char c) {
  if (at_ == At::Value) return in_value(c);
  return at_ == At::Name || at_ == At::Key ? in_name(c) : in_tag(c);
}

Scan TagScanner::in_tag(char c) {
  if (seen_.empty() && is_space(c)) return Scan::Going;
  seen_ += c;
  const bool first = at_ == At::Function;
  const std::string_view open = first ? kFunctionTag : kParameterTag;
  if (seen_ == open) {
    at_ = first ? At::Name : At::Key;
    seen_.clear();
    return Scan::Going;
  }
  if (!first && seen_ == kFunctionEnd) return Scan::Done;
  const bool may_become = open.starts_with(seen_) || (!first && kFunctionEnd.starts_with(seen_));
  return may_become ? Scan::Going : Scan::Broken;
}

Scan TagScanner::in_name(char c) {
  if (c == '>') {
    if (seen_.empty()) return Scan::Broken;
    at_ = at_ == At::Name ? At::Between : At::Value;
    seen_.clear();
    return Scan::Going;
  }
  seen_ += c;
  const bool fits = is_name_character(c) || (at_ == At::Key && c == ' ');
  return fits && seen_.size() <= kMostNameBytes ? Scan::Going : Scan::Broken;
}

Scan TagScanner::in_value(char c) {
  if (seen_.size() == kParameterEnd.size()) seen_.erase(0, 1);
  seen_ += c;
  if (seen_ == kParameterEnd) {
    at_ = At::Between;
    seen_.clear();
  }
  return Scan::Going;
}

}  // namespace etb::stream
