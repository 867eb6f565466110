// Status and Result<T>: how every room reports failure. By value, never thrown, never ignored.
// A Status carries a code, a text that names the thing and the remedy, and costs one null pointer
// when it is Ok.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace etb {

// Append-only: the numbers cross the C ABI.
enum class StatusCode : int {
  Ok = 0,
  InvalidArgument = 1,  // the caller's argument is wrong; nothing changed
  NotFound = 2,         // a file, tensor, method or token that should be there is not
  Corrupt = 3,          // bytes from outside break their own format
  Unsupported = 4,      // well-formed, but not something this build can do
  OutOfMemory = 5,
  ContextFull = 6,  // the context has no room for what was asked
  Busy = 7,
  Cancelled = 8,
  Internal = 9,  // a bug of ours or a failure of the system below
};

// The code's name as written above, e.g. "Corrupt".
std::string_view code_name(StatusCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;  // Ok
  Status(StatusCode code, std::string message);
  Status(const Status& other);
  Status& operator=(const Status& other);
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;

  bool ok() const { return rep_ == nullptr; }
  StatusCode code() const { return rep_ ? rep_->code : StatusCode::Ok; }
  std::string_view message() const { return rep_ ? std::string_view(rep_->message) : ""; }
  // "Corrupt: model.gguf: tensor 'x' ends beyond the file"; "Ok" when ok().
  std::string to_string() const;
  // The same code, with `context` and ": " before the message.
  Status with_context(std::string_view context) const;

 private:
  struct Rep {
    StatusCode code;
    std::string message;
  };
  std::unique_ptr<Rep> rep_;
};

// A T, or the Status (never Ok) that says why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Status error) : state_(std::in_place_index<1>, std::move(error)) {  // NOLINT: implicit
    if (std::get<1>(state_).ok()) {
      std::get<1>(state_) = Status(StatusCode::Internal, "an Ok status was returned as an error");
    }
  }

  bool ok() const { return state_.index() == 0; }
  Status status() const { return ok() ? Status() : std::get<1>(state_); }
  // Precondition of the next four: ok().
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace etb

#define ETB_CONCAT_INNER(a, b) a##b
#define ETB_CONCAT(a, b) ETB_CONCAT_INNER(a, b)

// Leaves the function with the Status of `expr` unless that is Ok.
#define ETB_RETURN_IF_ERROR(expr)                                                  \
  do {                                                                             \
    if (::etb::Status etb_status_ = (expr); !etb_status_.ok()) return etb_status_; \
  } while (false)

// ETB_ASSIGN_OR_RETURN(auto file, MappedFile::open(path));
#define ETB_ASSIGN_OR_RETURN(lhs, expr) \
  ETB_ASSIGN_OR_RETURN_INNER(ETB_CONCAT(etb_result_, __LINE__), lhs, expr)
#define ETB_ASSIGN_OR_RETURN_INNER(result, lhs, expr) \
  auto result = (expr);                               \
  if (!result.ok()) return result.status();           \
  lhs = std::move(result).value()
