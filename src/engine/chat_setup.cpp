#include "engine/chat_setup.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace etb {
namespace {

// Some token that text is not made of: its spelling stands for it alone, or the tokenizer itself
// names it as an end (files exist that type theirs as text).
bool is_special(const token::Tokenizer& tokenizer, TokenId id) {
  const family::VocabIds& ids = tokenizer.ids();
  if (id == ids.eos || id == ids.eot || id == ids.eom) return true;
  const auto text = tokenizer.piece(id, {.special = true});
  return text.ok() && tokenizer.find_special(*text) == id;
}

void keep_special(const ModelBundle& bundle, std::vector<TokenId>& ids) {
  const auto ordinary = [&](TokenId id) { return !is_special(*bundle.tokenizer, id); };
  if (std::ranges::all_of(ids, ordinary)) return;
  for (const TokenId id : ids) {
    if (!ordinary(id)) continue;
    log(LogLevel::Warning, concat(bundle.path, ": its metadata ends answers at token ", id,
                                  ", which is a piece of text in its vocabulary: not obeyed"));
  }
  std::erase_if(ids, ordinary);
}

void use_built_in(ModelBundle& bundle) {
  auto built_in = prompt::ChatTemplate::parse(family::template_text(*bundle.format));
  if (!built_in.ok()) return;  // every row is parsed by a test
  bundle.chat_template = std::make_shared<const prompt::ChatTemplate>(std::move(built_in).value());
  log(LogLevel::Info, concat(bundle.path, " has no chat template: the built-in one of ",
                             bundle.format->name, " is used, as its vocabulary tells"));
}

}  // namespace

void settle_chat_format(ModelBundle& bundle) {
  const family::ModelTraits traits{
      .has_token =
          [&](std::string_view text) { return bundle.tokenizer->find_special(text) != kNoToken; },
      .layers = bundle.manifest.shape.layers};
  bundle.format = family::find_chat_format(traits);
  if (!bundle.chat_template && bundle.format != nullptr) use_built_in(bundle);
  const std::string_view text = bundle.chat_template ? bundle.chat_template->text() : "";
  bundle.reasoning = family::find_reasoning(text, traits);
  bundle.calls = family::find_calls(text, traits);
}

std::vector<TokenId> collect_stop_ids(const ModelBundle& bundle) {
  std::vector<TokenId> stops = bundle.manifest.tokens.stop;
  const family::VocabIds& ids = bundle.tokenizer->ids();
  for (const auto& id : {ids.eos, ids.eot, ids.eom, bundle.manifest.tokens.eos}) {
    if (id) stops.push_back(*id);
  }
  if (bundle.format != nullptr) {
    for (const std::string_view text : bundle.format->stop_texts) {
      if (const TokenId id = bundle.tokenizer->find_special(text); id != kNoToken) {
        stops.push_back(id);
      }
    }
  }
  std::ranges::sort(stops);
  stops.erase(std::unique(stops.begin(), stops.end()), stops.end());
  keep_special(bundle, stops);
  return stops;
}

}  // namespace etb
