#include "base/status.h"

namespace etb {

std::string_view code_name(StatusCode code) {
  switch (code) {
    case StatusCode::Ok:
      return "Ok";
    case StatusCode::InvalidArgument:
      return "InvalidArgument";
    case StatusCode::NotFound:
      return "NotFound";
    case StatusCode::Corrupt:
      return "Corrupt";
    case StatusCode::Unsupported:
      return "Unsupported";
    case StatusCode::OutOfMemory:
      return "OutOfMemory";
    case StatusCode::ContextFull:
      return "ContextFull";
    case StatusCode::Busy:
      return "Busy";
    case StatusCode::Cancelled:
      return "Cancelled";
    case StatusCode::Internal:
      return "Internal";
  }
  return "Unknown";
}

Status::Status(StatusCode code, std::string message)
    : rep_(code == StatusCode::Ok ? nullptr
                                  : std::make_unique<Rep>(Rep{code, std::move(message)})) {}

Status::Status(const Status& other)
    : rep_(other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr) {}

Status& Status::operator=(const Status& other) {
  if (this != &other) rep_ = other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr;
  return *this;
}

std::string Status::to_string() const {
  if (ok()) return "Ok";
  std::string text(code_name(rep_->code));
  text += ": ";
  text += rep_->message;
  return text;
}

Status Status::with_context(std::string_view context) const {
  if (ok()) return {};
  std::string text(context);
  text += ": ";
  text += rep_->message;
  return {rep_->code, std::move(text)};
}

}  // namespace etb
