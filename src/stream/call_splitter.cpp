#include "stream/call_splitter.h"

#include <algorithm>
#include <utility>

#include "stream/held_text.h"

namespace etb::stream {
namespace {

// Where white space at the end of text[0, end) begins.
size_t before_space(std::string_view text, size_t end) {
  const size_t last = text.substr(0, end).find_last_not_of(kSpace);
  return last == std::string_view::npos ? 0 : last + 1;
}

}  // namespace

CallSplitter::CallSplitter(CallMarks marks, Accepts accepts)
    : marks_(std::move(marks)),
      accepts_(std::move(accepts)),
      state_(marks_.bare ? State::Start : State::Text),
      scanner_(marks_),
      searching_(!marks_.open.empty()) {}

std::vector<CallSplitter::Part> CallSplitter::push(std::string_view piece) {
  Parts parts;
  if (piece.empty()) return parts;
  if (marks_.open.empty()) return {{.text = std::string(piece)}};
  held_ += piece;
  while (!held_.empty() && advance(parts)) {
  }
  return parts;
}

std::vector<CallSplitter::Part> CallSplitter::finish() {
  Parts parts;
  const bool trails = after_call_ && before_space(held_, held_.size()) == 0;
  if (!trails) emit_text(held_.size(), parts);
  held_.clear();
  state_ = State::Text;
  return parts;
}

bool CallSplitter::advance(Parts& parts) {
  switch (state_) {
    case State::Start:
      return at_start();
    case State::Text:
      return in_text(parts);
    case State::Body:
      return in_body(parts);
    case State::Close:
      return in_close(parts);
  }
  return false;
}

bool CallSplitter::at_start() {
  const size_t first = leading_space(held_);
  if (first == held_.size()) return false;
  state_ = State::Text;
  if (held_[first] == '{') begin(first);
  return true;
}

bool CallSplitter::in_text(Parts& parts) {
  size_t keep = held_.size();
  if (searching_) {
    const size_t found = held_.find(marks_.open);
    if (found != std::string::npos) {
      emit_text(before_space(held_, found), parts);
      begin(leading_space(held_) + marks_.open.size());
      return true;
    }
    keep -= possible_start(held_, marks_.open);
  }
  if (searching_ || after_call_) {
    const size_t space = before_space(held_, keep);
    if (searching_ || space == 0) keep = space;
  }
  emit_text(keep, parts);
  return false;
}

// held_ begins with the white space and the mark of what may be a call: `before` bytes.
void CallSplitter::begin(size_t before) {
  body_ = at_ = before;
  scanner_ = CallScanner(marks_);
  state_ = State::Body;
}

bool CallSplitter::in_body(Parts& parts) {
  for (; at_ < held_.size(); ++at_) {
    if (at_ - body_ >= marks_.most_bytes) return no_call(at_, parts);
    const Scan scanned = scanner_.push(held_[at_]);
    if (scanned == Scan::Broken) return no_call(at_, parts);
    if (scanned == Scan::Going) continue;
    body_end_ = ++at_;
    if (marks_.close.empty()) return take_call(body_end_, parts);
    state_ = State::Close;
    return true;
  }
  return false;
}

bool CallSplitter::in_close(Parts& parts) {
  at_ += leading_space(std::string_view(held_).substr(at_));
  if (at_ - body_ >= marks_.most_bytes) return no_call(at_, parts);
  const std::string_view rest = std::string_view(held_).substr(at_);
  if (rest.starts_with(marks_.close)) return take_call(at_ + marks_.close.size(), parts);
  return marks_.close.starts_with(rest) ? false : no_call(at_, parts);
}

bool CallSplitter::take_call(size_t end, Parts& parts) {
  const size_t begin = body_ + leading_space(std::string_view(held_).substr(body_));
  std::string body = held_.substr(begin, body_end_ - begin);
  if (accepts_ && !accepts_(body)) return no_call(end, parts);
  parts.push_back({.is_call = true, .text = std::move(body)});
  held_.erase(0, end);
  after_call_ = true;
  searching_ = !marks_.single;
  state_ = State::Text;
  return true;
}

// held_[0, end) is text, but for what may begin a mark, and the white space before it.
bool CallSplitter::no_call(size_t end, Parts& parts) {
  const std::string_view body = std::string_view(held_).substr(body_, end - body_);
  const size_t said = body.size() - possible_start(body, marks_.open);
  emit_text(body_ + before_space(body, said), parts);
  state_ = State::Text;
  return true;
}

void CallSplitter::emit_text(size_t length, Parts& parts) {
  if (length == 0) return;
  if (!parts.empty() && !parts.back().is_call) {
    parts.back().text.append(held_, 0, length);
  } else {
    parts.push_back({.text = held_.substr(0, length)});
  }
  held_.erase(0, length);
  after_call_ = false;
}

}  // namespace etb::stream
