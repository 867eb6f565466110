#include "token/unigram.h"

#include <algorithm>

#include "token/utf8.h"

namespace etb::token {
namespace {

using family::TokenType;

// Longer words are cut where no piece reaches across, so that memory stays bounded.
constexpr size_t kMaxPart = size_t{8} << 20;  // bytes

constexpr double kUnknownPenalty = 10.0;  // SentencePiece's, below the worst piece

}  // namespace

UnigramPieces::UnigramPieces(const family::VocabView& vocab) {
  double worst = 0;
  bool any = false;
  for (TokenId id = 0; id < vocab.size(); ++id) {
    const TokenType type = vocab.type(id);
    const bool ordinary = type == TokenType::Normal || type == TokenType::UserDefined;
    // Of two tokens with the same bytes the one that find() gives.
    if (!ordinary || vocab.find(vocab.bytes(id)) != id) continue;
    const double score = vocab.score(id);
    if (score != score) continue;
    ids_.push_back(id);
    if (type != TokenType::Normal) continue;
    worst = any ? std::min(worst, score) : score;
    any = true;
  }
  std::sort(ids_.begin(), ids_.end(),
            [&](TokenId a, TokenId b) { return vocab.bytes(a) < vocab.bytes(b); });
  sorted_ = SortedTexts(static_cast<uint32_t>(ids_.size()),
                        [&](uint32_t i) { return vocab.bytes(ids_[i]); });
  unknown_score_ = worst - kUnknownPenalty;
}

void UnigramEncoder::encode_word(std::string_view word, std::vector<TokenId>& out) {
  unknown_.end_run();
  if (word.size() <= kMaxPart) return encode_part(word, out);
  each_uncrossed(vocab_, word, [&](std::string_view part) { encode_part(part, out); });
}

// Every place where a character begins is reached: what no single piece covers counts as unknown.
// Of equal sums the one that is found first stays, i.e. the one whose last piece is longer.
void UnigramEncoder::find_best(std::string_view part) {
  best_.assign(part.size() + 1, {});
  for (size_t at = 0; at < part.size();) {
    const size_t character = std::min(utf8_length(part[at]), part.size() - at);
    const double before = best_[at].sum;
    bool covered = false;
    const auto offer = [&](TokenId id, size_t length, double score) {
      const double sum = single_sums_
                             ? double{static_cast<float>(before) + static_cast<float>(score)}
                             : before + score;
      Best& best = best_[at + length];
      if (best.reached && !(sum > best.sum)) return;
      best = {sum, static_cast<uint32_t>(at), id, true};
    };
    pieces_.each_prefix(vocab_, part, at, [&](TokenId id, size_t length) {
      offer(id, length, vocab_.score(id));
      covered |= length == character;
    });
    if (!covered) offer(kNoToken, character, pieces_.unknown_score());
    at += character;
  }
}

void UnigramEncoder::encode_part(std::string_view part, std::vector<TokenId>& out) {
  const TokenId whole = vocab_.find(part);
  if (whole != kNoToken && direct_.contains(whole)) {
    out.push_back(whole);
    unknown_.end_run();
    return;
  }
  find_best(part);
  path_.clear();
  for (size_t end = part.size(); end > 0; end = best_[end].begin) {
    path_.push_back(static_cast<uint32_t>(end));
  }
  const size_t before = out.size();
  for (auto end = path_.rbegin(); end != path_.rend(); ++end) {
    const Best& best = best_[*end];
    if (best.id == kNoToken) {
      unknown_.append(part.substr(best.begin, *end - best.begin), out);
    } else {
      out.push_back(best.id);
      unknown_.end_run();
    }
  }
  direct_.learn(whole, out.data() + before, out.size() - before);
}

}  // namespace etb::token
