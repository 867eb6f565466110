#include "stream/reasoning_splitter.h"

#include <utility>

#include "stream/held_text.h"

namespace etb::stream {

ReasoningSplitter::ReasoningSplitter(ReasoningTags tags) : tags_(std::move(tags)) {
  const bool reasons = !tags_.open.empty() && !tags_.close.empty();
  state_ = !reasons ? State::Text : tags_.starts_inside ? State::Lead : State::Start;
}

ReasoningSplitter::Parts ReasoningSplitter::push(std::string_view piece) {
  Parts parts;
  if (state_ == State::Text) {
    parts.text = piece;
    return parts;
  }
  held_ += piece;
  while (!held_.empty() && advance(parts)) {
  }
  return parts;
}

ReasoningSplitter::Parts ReasoningSplitter::finish() {
  Parts parts;
  if (inside()) {
    const size_t end = held_.find_last_not_of(kSpace);
    parts.reasoning = held_.substr(0, end == std::string::npos ? 0 : end + 1);
  } else if (state_ == State::Start) {
    parts.text = std::move(held_);
  }
  held_.clear();
  state_ = State::Text;
  return parts;
}

bool ReasoningSplitter::advance(Parts& parts) {
  switch (state_) {
    case State::Start:
      return at_start(parts);
    case State::Lead:
      return skip_space(State::Inside);
    case State::Inside:
      return in_reasoning(parts);
    case State::Gap:
      return skip_space(State::Text);
    case State::Text:
      parts.text += std::exchange(held_, {});
  }
  return false;
}

bool ReasoningSplitter::at_start(Parts& parts) {
  const std::string_view rest = std::string_view(held_).substr(leading_space(held_));
  if (rest.starts_with(tags_.open)) {
    held_ = std::string(rest.substr(tags_.open.size()));
    state_ = State::Lead;
    return true;
  }
  if (std::string_view(tags_.open).starts_with(rest)) return false;
  parts.text += std::exchange(held_, {});
  state_ = State::Text;
  return false;
}

bool ReasoningSplitter::in_reasoning(Parts& parts) {
  const size_t close = held_.find(tags_.close);
  const bool closed = close != std::string::npos;
  size_t end = closed ? close : held_.size() - possible_start(held_, tags_.close);
  const std::string_view certain = std::string_view(held_).substr(0, end);
  const size_t last = certain.find_last_not_of(kSpace);
  const size_t said = last == std::string_view::npos ? 0 : last + 1;
  parts.reasoning.append(held_, 0, said);
  held_.erase(0, closed ? close + tags_.close.size() : said);
  if (closed) state_ = State::Gap;
  return closed;
}

bool ReasoningSplitter::skip_space(State next) {
  held_.erase(0, leading_space(held_));
  if (held_.empty()) return false;
  state_ = next;
  return true;
}

}  // namespace etb::stream
