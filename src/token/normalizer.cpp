#include "token/normalizer.h"

#include "base/text.h"
#include "token/unicode.h"
#include "token/utf8.h"

namespace etb::token {
namespace {

using Kind = NormalizeStep::Kind;

// How much longer than its text a normalised text may be; Unicode's own forms need 18 times.
constexpr size_t kMaxGrowth = 64, kGrowthBase = 4096;

Status check_growth(size_t before, size_t after) {
  if (after <= before * kMaxGrowth + kGrowthBase) return {};
  return Status(StatusCode::InvalidArgument, concat("tokenizer: normalisation makes more than ",
                                                    kMaxGrowth, " times as much of the text"));
}

Result<bool> normal_form(std::string_view text, NormalForm form, std::string& out) {
  if (is_plainly_normal(text, form)) return false;
  ETB_ASSIGN_OR_RETURN(out, to_normal_form(text, form));
  return true;
}

std::string stripped(std::string_view text, bool left, bool right) {
  if (left) text.remove_prefix(leading_white_space(text));
  if (right) text.remove_suffix(trailing_white_space(text));
  return std::string(text);
}

std::string without_extra_spaces(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

Result<std::string> replace_matches(const Regex& regex, std::string_view text,
                                    std::string_view to) {
  std::string out;
  Regex::Search search(regex);
  search.set_text(text);
  size_t copied = 0;
  while (copied < text.size()) {
    ETB_ASSIGN_OR_RETURN(const auto match, search.next(copied));
    if (!match) break;
    out += text.substr(copied, match->begin - copied);
    out += to;
    copied = match->end;
    ETB_RETURN_IF_ERROR(check_growth(text.size(), out.size()));
  }
  out += text.substr(copied);
  return out;
}

}  // namespace

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t found = std::min(text.find(from, at), text.size());
    out += text.substr(at, found - at);
    at = found;
    if (at < text.size()) {
      out += to;
      at += from.size();
    }
  }
  return out;
}

Result<Normalizer> Normalizer::create(std::vector<NormalizeStep> steps) {
  Normalizer made;
  for (NormalizeStep& rule : steps) {
    Step step;
    if ((rule.kind == Kind::Replace || rule.kind == Kind::ReplaceRegex) && rule.from.empty()) {
      return Status(StatusCode::Unsupported, "normalizer Replace: an empty pattern");
    }
    const bool grows = rule.to.size() > rule.from.size() * kMaxGrowth + kGrowthBase;
    if (grows) return Status(StatusCode::Unsupported, "normalizer: a replacement is too long");
    if (first_invalid_utf8(rule.to) != rule.to.size()) {
      return Status(StatusCode::Corrupt, "normalizer: a replacement is not UTF-8");
    }
    if (rule.kind == Kind::ReplaceRegex) {
      ETB_ASSIGN_OR_RETURN(step.regex, Regex::compile(rule.from));
    } else if (rule.kind == Kind::CharsMap) {
      ETB_ASSIGN_OR_RETURN(step.map, CharsMap::parse(rule.from));
      rule.from.clear();
    }
    step.rule = std::move(rule);
    made.steps_.push_back(std::move(step));
  }
  return made;
}

Result<bool> Normalizer::apply_step(const Step& step, std::string_view text,
                                    std::string& out) const {
  const NormalizeStep& rule = step.rule;
  switch (rule.kind) {
    case Kind::Nfc:
      return normal_form(text, NormalForm::Nfc, out);
    case Kind::Nfd:
      return normal_form(text, NormalForm::Nfd, out);
    case Kind::Nfkc:
      return normal_form(text, NormalForm::Nfkc, out);
    case Kind::Nfkd:
      return normal_form(text, NormalForm::Nfkd, out);
    case Kind::Lowercase:
      out = to_lower_case(text);
      return true;
    case Kind::StripAccents:
      out = without_marks(text);
      return true;
    case Kind::Prepend:
      out = concat(rule.to, text);
      return true;
    case Kind::Replace:
      if (text.find(rule.from) == std::string_view::npos) return false;
      out = replace_all(text, rule.from, rule.to);
      return true;
    case Kind::ReplaceRegex: {
      ETB_ASSIGN_OR_RETURN(out, replace_matches(*step.regex, text, rule.to));
      return true;
    }
    case Kind::Strip:
      out = stripped(text, rule.left, rule.right);
      return true;
    case Kind::CharsMap:
      out = step.map->apply(text);
      return true;
    case Kind::CollapseSpaces:
      out = without_extra_spaces(text);
      return true;
  }
  return false;
}

Result<std::string_view> Normalizer::apply(std::string_view text, bool prefix,
                                           std::string& storage) const {
  const size_t before = text.size();
  std::string next;
  for (const Step& step : steps_) {
    if (text.empty()) break;
    if (step.rule.kind == Kind::Prepend && !prefix) continue;
    ETB_ASSIGN_OR_RETURN(const bool changed, apply_step(step, text, next));
    if (!changed) continue;
    ETB_RETURN_IF_ERROR(check_growth(before, next.size()));
    storage.swap(next);
    text = storage;
  }
  return text;
}

}  // namespace etb::token
