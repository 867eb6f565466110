#include "stream/call_scanner.h"

namespace etb::stream {

CallScanner::CallScanner(const CallMarks& marks)
    : marks_(&marks),
      json_(marks.json.empty() ? JsonScanner::Shape::Calls : JsonScanner::Shape::Object),
      in_head_(!marks.json.empty()) {}

Scan CallScanner::push(char c) {
  if (marks_->tagged) return tags_.push(c);
  return in_head_ ? in_head(c) : json_.push(c);
}

Scan CallScanner::in_head(char c) {
  if (mark_.empty() && is_name_character(c)) {
    word_ += c;
    return word_.size() <= kMostNameBytes ? Scan::Going : Scan::Broken;
  }
  if (word_.empty()) return is_space(c) && !has_id_ ? Scan::Going : Scan::Broken;
  mark_ += c;
  const bool may_be_id = !has_id_ && marks_->id.starts_with(mark_);
  if (mark_ == marks_->json) {
    in_head_ = false;
  } else if (may_be_id && mark_ == marks_->id) {
    has_id_ = true;
    word_.clear();
    mark_.clear();
  } else if (!may_be_id && !marks_->json.starts_with(mark_)) {
    return Scan::Broken;
  }
  return Scan::Going;
}

}  // namespace etb::stream
