#include "json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace etb::cli {

using Ordered = nlohmann::ordered_json;

struct Json::Rep {
  Ordered value;
};

Json::Json() : rep_(std::make_unique<Rep>(Rep{Ordered::object()})) {}
Json::~Json() = default;
Json::Json(const Json& other) : rep_(std::make_unique<Rep>(*other.rep_)) {}
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(Json&&) noexcept = default;

Json Json::array() {
  Json json;
  json.rep_->value = Ordered::array();
  return json;
}

void Json::set(std::string_view key, std::string_view text) {
  rep_->value[std::string(key)] = std::string(text);
}
// JSON has no infinities: they are written as null.
void Json::set(std::string_view key, double number) {
  if (!std::isfinite(number)) return set_null(key);
  rep_->value[std::string(key)] = number;
}
void Json::set(std::string_view key, int64_t number) {
  rep_->value[std::string(key)] = number;
}
void Json::set(std::string_view key, uint64_t number) {
  rep_->value[std::string(key)] = number;
}
void Json::set(std::string_view key, bool flag) {
  rep_->value[std::string(key)] = flag;
}
void Json::set(std::string_view key, const Json& value) {
  rep_->value[std::string(key)] = value.rep_->value;
}
void Json::set(std::string_view key, const std::vector<TokenId>& numbers) {
  rep_->value[std::string(key)] = numbers;
}
void Json::set_null(std::string_view key) {
  rep_->value[std::string(key)] = nullptr;
}
void Json::push(const Json& value) {
  rep_->value.push_back(value.rep_->value);
}
void Json::push(std::string_view text) {
  rep_->value.push_back(std::string(text));
}
void Json::push(double number) {
  std::isfinite(number) ? rep_->value.push_back(number) : rep_->value.push_back(nullptr);
}
void Json::push(int64_t number) {
  rep_->value.push_back(number);
}

std::string Json::dump() const {
  return rep_->value.dump(-1, ' ', false, Ordered::error_handler_t::replace);
}

std::string quote(std::string_view text) {
  return Ordered(std::string(text)).dump(-1, ' ', false, Ordered::error_handler_t::replace);
}

namespace {

Status bad_json(std::string_view what) {
  return {StatusCode::InvalidArgument, concat("not ", what)};
}

// Never throws: a parse failure comes back as a discarded value.
Ordered parse(std::string_view text) {
  return Ordered::parse(text, nullptr, false);
}

}  // namespace

Result<std::string> parse_string(std::string_view line) {
  const Ordered value = parse(line);
  if (!value.is_string()) return bad_json("a JSON string");
  return value.get<std::string>();
}

Result<std::vector<TokenId>> parse_ids(std::string_view text) {
  const Ordered value = parse(text);
  if (!value.is_array()) return bad_json("a JSON array of token ids");
  std::vector<TokenId> ids;
  ids.reserve(value.size());
  for (const Ordered& item : value) {
    const bool fits = item.is_number_integer() && item >= 0 && item < kNoToken;
    if (!fits) return bad_json(concat("a token id: item ", ids.size(), " of the array"));
    ids.push_back(item.get<TokenId>());
  }
  return ids;
}

namespace {

// Takes a text out of `item`; false if there is something else under that key.
bool take_text(Ordered& item, const char* key, std::string& text) {
  const auto found = item.find(key);
  if (found == item.end() || found->is_null()) return true;
  if (!found->is_string()) return false;
  text = found->get<std::string>();
  item.erase(key);
  return true;
}

bool read_line(Ordered item, ChatLine& line) {
  if (!item.is_object() || !item.contains("role")) return false;
  const bool calls = item.contains("tool_calls");
  const bool says = item.contains("content") && item["content"].is_string();
  if (!says && !calls) return false;
  const bool texts = take_text(item, "role", line.role) &&
                     take_text(item, "content", line.content) &&
                     take_text(item, "reasoning_content", line.reasoning);
  if (!texts || line.role.empty()) return false;
  item.erase("content");
  if (!item.empty()) line.fields = item.dump(-1, ' ', false, Ordered::error_handler_t::replace);
  return true;
}

}  // namespace

Result<ChatLines> parse_messages(std::string_view text) {
  Ordered value = parse(text);
  ChatLines chat;
  if (value.is_object() && value.contains("tools") && !value["tools"].is_null()) {
    if (!value["tools"].is_array()) return bad_json("a JSON array of tools under \"tools\"");
    chat.tools = value["tools"].dump(-1, ' ', false, Ordered::error_handler_t::replace);
  }
  if (value.is_object() && value.contains("messages")) value = Ordered(value["messages"]);
  if (!value.is_array()) return bad_json("a JSON array of messages");
  for (const Ordered& item : value) {
    ChatLine line;
    if (!read_line(item, line)) {
      return bad_json(concat("a message with a text under \"role\" and \"content\": item ",
                             chat.lines.size(), " of the array"));
    }
    chat.lines.push_back(std::move(line));
  }
  return chat;
}

Status check_tools(std::string_view text) {
  const Ordered value = parse(text);
  const auto is_object = [](const Ordered& item) { return item.is_object(); };
  if (value.is_array() && std::ranges::all_of(value, is_object)) return {};
  return bad_json("a JSON array of tools");
}

}  // namespace etb::cli
