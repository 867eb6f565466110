#include "token/pretokenizer.h"

#include <algorithm>
#include <functional>

#include "base/text.h"
#include "token/normalizer.h"
#include "token/utf8.h"

namespace etb::token {
namespace {

using Kind = SplitStep::Kind;
using Behavior = SplitStep::Behavior;

constexpr size_t kMaxRewritten = size_t{1} << 31;  // positions are 32 bits wide

struct Piece {
  TextRange range;
  bool matched;
};

// Where `pattern` stands in the word, as a Regex::Search finds it.
class LiteralSearch {
 public:
  explicit LiteralSearch(std::string_view pattern) : pattern_(pattern) {}
  void set_text(std::string_view text) { text_ = text; }
  Result<std::optional<TextRange>> next(size_t at) const {
    const size_t found = text_.find(pattern_, at);
    if (found == std::string_view::npos) return std::optional<TextRange>();
    return std::optional(
        TextRange{static_cast<uint32_t>(found), static_cast<uint32_t>(found + pattern_.size())});
  }

 private:
  std::string_view pattern_, text_;
};

// The word at `range` as matches and what lies between them.
template <class Search>
Status find_pieces(Search& search, std::string_view text, TextRange range,
                   std::vector<Piece>& pieces) {
  const std::string_view word = text.substr(range.begin, range.end - range.begin);
  search.set_text(word);
  size_t at = 0;
  const auto add = [&](size_t begin, size_t end, bool matched) {
    if (begin == end) return;
    pieces.push_back(
        {{range.begin + static_cast<uint32_t>(begin), range.begin + static_cast<uint32_t>(end)},
         matched});
  };
  while (at < word.size()) {
    ETB_ASSIGN_OR_RETURN(const auto match, search.next(at));
    if (!match) break;
    add(at, match->begin, false);
    add(match->begin, match->end, true);
    at = match->end;
  }
  add(at, word.size(), false);
  return {};
}

// What becomes of the pieces, as Hugging Face's SplitDelimiterBehavior has it.
void keep_pieces(const std::vector<Piece>& pieces, const SplitStep& rule,
                 std::vector<TextRange>& out) {
  const auto matched = [&](size_t i) { return pieces[i].matched != rule.invert; };
  const size_t first = out.size();
  if (rule.behavior == Behavior::MergedWithNext) {
    for (size_t i = pieces.size(); i-- > 0;) {
      const bool joins = matched(i) && i + 1 < pieces.size() && !matched(i + 1);
      if (joins) {
        out.back().begin = pieces[i].range.begin;
      } else {
        out.push_back(pieces[i].range);
      }
    }
    std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
    return;
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    const bool was_matched = i > 0 && matched(i - 1);
    if (rule.behavior == Behavior::Removed && matched(i)) continue;
    const bool joins =
        out.size() > first &&
        ((rule.behavior == Behavior::Contiguous && matched(i) == was_matched) ||
         (rule.behavior == Behavior::MergedWithPrevious && matched(i) && !was_matched));
    if (joins) {
      out.back().end = pieces[i].range.end;
    } else {
      out.push_back(pieces[i].range);
    }
  }
}

template <class Search>
Status cut(Search search, const SplitStep& rule, Words& words) {
  std::vector<Piece> pieces;
  std::vector<TextRange> ranges;
  ranges.reserve(words.text.size() / 5 + 1);
  for (const TextRange range : words.ranges) {
    pieces.clear();
    ETB_RETURN_IF_ERROR(find_pieces(search, words.text, range, pieces));
    keep_pieces(pieces, rule, ranges);
  }
  words.ranges.swap(ranges);
  return {};
}

// Every word anew: `change` gives its new text.
Status rewrite(Words& words,
               const std::function<std::string(std::string_view, TextRange)>& change) {
  std::string text;
  for (size_t i = 0; i < words.ranges.size(); ++i) {
    const auto begin = static_cast<uint32_t>(text.size());
    text += change(words.word(i), words.ranges[i]);
    if (text.size() > kMaxRewritten) {
      return Status(StatusCode::InvalidArgument, "tokenizer: the text is too long for its rules");
    }
    words.ranges[i] = {begin, static_cast<uint32_t>(text.size())};
  }
  words.storage = std::move(text);
  words.text = words.storage;
  return {};
}

}  // namespace

Result<PreTokenizer> PreTokenizer::create(std::vector<SplitStep> steps) {
  PreTokenizer made;
  for (SplitStep& rule : steps) {
    Step step;
    if (rule.kind == Kind::Regex) {
      ETB_ASSIGN_OR_RETURN(step.regex, Regex::compile(rule.pattern));
    } else if (rule.kind != Kind::Prepend && rule.pattern.empty()) {
      return Status(StatusCode::Unsupported, "pre_tokenizer: an empty pattern");
    }
    if (rule.to.size() > 16 || first_invalid_utf8(rule.to) != rule.to.size()) {
      return Status(StatusCode::Unsupported, "pre_tokenizer: a replacement that is no character");
    }
    step.rule = std::move(rule);
    made.steps_.push_back(std::move(step));
  }
  return made;
}

Status PreTokenizer::split(std::string_view text, Start start, Words& words) const {
  words.text = text;
  words.ranges.clear();
  if (!text.empty()) words.ranges.push_back({0, static_cast<uint32_t>(text.size())});
  bool first_moved = false;  // the first word begins where the text does until words are removed
  for (const Step& step : steps_) {
    const SplitStep& rule = step.rule;
    if (rule.kind == Kind::Regex) {
      ETB_RETURN_IF_ERROR(cut(Regex::Search(*step.regex), rule, words));
    } else if (rule.kind == Kind::Literal) {
      ETB_RETURN_IF_ERROR(cut(LiteralSearch(rule.pattern), rule, words));
    } else if (rule.kind == Kind::Replace) {
      if (words.text.find(rule.pattern) == std::string_view::npos) continue;
      ETB_RETURN_IF_ERROR(rewrite(words, [&](std::string_view word, TextRange) {
        return replace_all(word, rule.pattern, rule.to);
      }));
    } else {
      ETB_RETURN_IF_ERROR(rewrite(words, [&](std::string_view word, TextRange range) {
        const bool at_begin = range.begin == 0 && !first_moved;
        const bool wanted =
            at_begin ? start.prefix && (!rule.first_only || start.whole_text) : !rule.first_only;
        return wanted && !word.starts_with(rule.to) ? concat(rule.to, word) : std::string(word);
      }));
    }
    first_moved |= words.ranges.empty() || words.ranges[0].begin != 0;
  }
  return {};
}

}  // namespace etb::token
