#include "prompt/json.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace etb::prompt {
namespace {

// Receives the parser's events and builds the value on a stack of open containers.
class ValueBuilder {
 public:
  using Json = nlohmann::json;

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(Json::number_integer_t value) { return add(int64_t{value}); }
  bool number_unsigned(Json::number_unsigned_t value) {
    if (value <= INT64_MAX) return add(static_cast<int64_t>(value));
    return add(Value::big_int(std::to_string(value)));
  }
  bool number_float(Json::number_float_t value, const std::string& text) {
    const bool integral = text.find_first_of(".eE") == std::string::npos;
    return add(integral ? Value::big_int(text) : Value(value));
  }
  bool string(std::string& text) { return add(text); }
  bool binary(Json::binary_t&) { return false; }
  bool start_object(size_t) { return open(true); }
  bool key(std::string& text) {
    open_.back().key = std::move(text);
    return true;
  }
  bool end_object() {
    Value made = Value::dict(std::move(open_.back().dict));
    open_.pop_back();
    return add(std::move(made));
  }
  bool start_array(size_t) { return open(false); }
  bool end_array() {
    Value made = Value::list(std::move(open_.back().items));
    open_.pop_back();
    return add(std::move(made));
  }
  bool parse_error(size_t position, const std::string&, const Json::exception& error) {
    std::string what = error.what();
    if (const size_t end = what.find("] "); end != std::string::npos) what.erase(0, end + 2);
    status_ = Status(StatusCode::Corrupt, concat("bad JSON at byte ", position, ": ", what));
    return false;
  }

  Result<Value> take() {
    if (!status_.ok()) return status_;
    return std::move(result_);
  }

 private:
  struct Open {
    bool is_object;
    std::string key;
    Dict dict;
    std::vector<Value> items;
  };

  bool open(bool is_object) {
    // One level is left for what the values are put into.
    if (open_.size() + 1 >= kMaxValueDepth) {
      status_ = Status(StatusCode::Unsupported,
                       concat("JSON is nested deeper than ", kMaxValueDepth - 1, " levels"));
      return false;
    }
    open_.push_back(Open{is_object, {}, {}, {}});
    return true;
  }

  bool add(Value value) {
    if (open_.empty()) {
      result_ = std::move(value);
    } else if (open_.back().is_object) {
      open_.back().dict.set(open_.back().key, std::move(value));
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }

  std::vector<Open> open_;
  Value result_;
  Status status_;
};

}  // namespace

Result<Value> parse_json(std::string_view text) {
  ValueBuilder builder;
  try {
    nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  } catch (const std::exception& error) {
    return Status(StatusCode::Corrupt, concat("bad JSON: ", error.what()));
  }
  return builder.take();
}

}  // namespace etb::prompt
