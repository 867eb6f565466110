// The command line's JSON, read and written in one place (the library behind it throws; nothing
// leaves here but Status). Texts that are not UTF-8 are written with U+FFFD.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"

namespace etb::cli {

// An object or array being built, keys in the order of insertion.
//   Json object; object.set("text", answer.text); object.set("ids", ids);
//   puts(object.dump().c_str());
class Json {
 public:
  Json();  // an object
  ~Json();
  Json(const Json& other);
  Json(Json&&) noexcept;
  Json& operator=(Json&&) noexcept;
  static Json array();

  void set(std::string_view key, std::string_view text);
  void set(std::string_view key, const char* text) { set(key, std::string_view(text)); }
  void set(std::string_view key, double number);
  void set(std::string_view key, int64_t number);
  void set(std::string_view key, uint64_t number);
  void set(std::string_view key, int number) { set(key, static_cast<int64_t>(number)); }
  void set(std::string_view key, unsigned number) { set(key, static_cast<uint64_t>(number)); }
  void set(std::string_view key, bool flag);
  void set(std::string_view key, const Json& value);
  void set(std::string_view key, const std::vector<TokenId>& numbers);
  void set_null(std::string_view key);
  void push(const Json& value);
  void push(std::string_view text);
  void push(double number);
  void push(int64_t number);
  std::string dump() const;  // one line

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

// One JSON string / one array of token ids, as a line of `tokenize` / `detokenize` holds.
Result<std::string> parse_string(std::string_view line);
Result<std::vector<TokenId>> parse_ids(std::string_view text);
std::string quote(std::string_view text);

struct ChatLine {
  std::string role;
  std::string content;
  std::string reasoning;  // "reasoning_content"
  std::string fields;     // all else, as a JSON object; empty: nothing else
};
struct ChatLines {
  std::vector<ChatLine> lines;
  std::string tools;  // a JSON array; empty: none
};
// [{"role": ..., "content": ...}, ...], or an object with such a list under "messages" and perhaps
// another one under "tools". A message with "tool_calls" needs no content.
Result<ChatLines> parse_messages(std::string_view text);
// InvalidArgument: the text is no JSON array of objects.
Status check_tools(std::string_view text);

}  // namespace etb::cli
