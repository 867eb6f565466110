#include "prompt/jinja/ast.h"

namespace etb::prompt::jinja {

Symbol SymbolTable::intern(std::string_view name) {
  const auto [entry, fresh] =
      index_.try_emplace(std::string(name), static_cast<Symbol>(names_.size()));
  if (fresh) {
    names_.push_back(std::make_shared<const StringRep>(std::string(name), false, nullptr));
  }
  return entry->second;
}

Symbol SymbolTable::find(std::string_view name) const {
  const auto entry = index_.find(std::string(name));
  return entry == index_.end() ? kNoSymbol : entry->second;
}

}  // namespace etb::prompt::jinja
