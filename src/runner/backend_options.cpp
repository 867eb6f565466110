#include "runner/backend_options.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "runner/runtime.h"

namespace etb::runner {
namespace {

namespace et = executorch::runtime;

et::OptionValue value_of(std::string_view text) {
  if (text == "true" || text == "false") return text == "true";
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && rest == end) return number;
  std::array<char, et::kMaxOptionValueLength> characters{};
  std::ranges::copy(text, characters.begin());
  return characters;
}

bool has_key(const et::BackendOption& option, std::string_view key) {
  return key == option.key;
}

}  // namespace

Status BackendOptions::set(const BackendOption& option) {
  const auto fits = [](std::string_view text, size_t room) {
    return text.size() < room && text.find('\0') == std::string_view::npos;
  };
  constexpr size_t kName = et::kMaxOptionKeyLength;
  if (option.backend.empty() || !fits(option.backend, kName) || option.key.empty() ||
      !fits(option.key, kName) || !fits(option.value, et::kMaxOptionValueLength)) {
    return {StatusCode::InvalidArgument,
            concat("backend option '", option.backend, ".", option.key, "': names have 1 to ",
                   kName - 1, " bytes, values at most ", et::kMaxOptionValueLength - 1)};
  }
  std::vector<et::BackendOption>& list = options_[option.backend];
  auto found = std::ranges::find_if(
      list, [&option](const et::BackendOption& known) { return has_key(known, option.key); });
  if (found == list.end()) {
    list.emplace_back();
    found = list.end() - 1;
    std::ranges::copy(option.key, found->key);
  }
  found->value = value_of(option.value);
  const auto error = map_.set_options(option.backend.c_str(), {list.data(), list.size()});
  if (error == et::Error::Ok) return {};
  return {StatusCode::InvalidArgument,
          concat("the runtime takes no options for '", option.backend, "': too many backends")};
}

bool BackendOptions::has(const std::string& backend, std::string_view key) const {
  const auto found = options_.find(backend);
  return found != options_.end() &&
         std::ranges::any_of(found->second, [key](const auto& o) { return has_key(o, key); });
}

Status BackendOptions::check_used(const std::vector<std::string>& used) const {
  for (const auto& [backend, list] : options_) {
    if (std::ranges::find(used, backend) != used.end()) continue;
    return {StatusCode::InvalidArgument,
            concat("options for backend '", backend, "', but the file ",
                   used.empty() ? "is not delegated to any" : "is delegated to ", name_list(used))};
  }
  return {};
}

const et::LoadBackendOptionsMap* BackendOptions::map() const {
  return options_.empty() ? nullptr : &map_;
}

}  // namespace etb::runner
