#include "token/word_encoder.h"

#include <algorithm>

namespace etb::token {

void UnknownCharacters::append(std::string_view character, std::vector<TokenId>& out) {
  const auto token = [this](char c) { return vocab_.byte_token(static_cast<uint8_t>(c)); };
  if (std::all_of(character.begin(), character.end(),
                  [&](char c) { return token(c) != kNoToken; })) {
    for (const char c : character) out.push_back(token(c));
    in_run_ = false;
    return;
  }
  if (const auto unknown = vocab_.ids().unk; unknown && !in_run_) out.push_back(*unknown);
  in_run_ = true;
}

}  // namespace etb::token
