#include "runner/program_meta.h"

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "model/media_methods.h"
#include "runner/runtime.h"

namespace etb::runner {
namespace {

using executorch::runtime::MethodMeta;
using executorch::runtime::Tag;

// Whether a method only holds values: its outputs mean something without running it.
bool holds_values_only(const MethodMeta& meta) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // the runtime marks what may change so
  const size_t instructions = meta.num_instructions();
#pragma GCC diagnostic pop
  return meta.num_inputs() == 0 && instructions == 0 && meta.num_backends() == 0;
}

Result<std::optional<int64_t>> constant_int(const MethodContext& context,
                                            const std::set<std::string>& methods,
                                            const std::string& name, int64_t max) {
  ETB_ASSIGN_OR_RETURN(const std::vector<int64_t> values, constant_ints(context, methods, name));
  if (values.empty()) return std::optional<int64_t>();
  if (values.front() < 0 || values.front() > max) {
    return Status(StatusCode::Corrupt, concat(context.file, ": ", name, " is ", values.front(),
                                              ", must be from 0 to ", max));
  }
  return std::optional<int64_t>(values.front());
}

Status read_token_ids(const MethodContext& context, const std::set<std::string>& methods,
                      RunnerMeta& meta) {
  ETB_ASSIGN_OR_RETURN(const auto bos,
                       constant_int(context, methods, "get_bos_id", meta.vocab_size - 1));
  if (bos) meta.bos = static_cast<TokenId>(*bos);
  // One exporter's name and the other's.
  ETB_ASSIGN_OR_RETURN(std::vector<int64_t> eos, constant_ints(context, methods, "get_eos_ids"));
  ETB_ASSIGN_OR_RETURN(const auto more, constant_ints(context, methods, "get_eos_id"));
  eos.insert(eos.end(), more.begin(), more.end());
  std::sort(eos.begin(), eos.end());
  eos.erase(std::unique(eos.begin(), eos.end()), eos.end());
  for (const int64_t id : eos) {
    if (id < 0 || id >= int64_t{meta.vocab_size}) {
      return {StatusCode::Corrupt, concat(context.file, ": its end ids name token ", id, " of a ",
                                          meta.vocab_size, "-token vocabulary")};
    }
    meta.eos.push_back(static_cast<TokenId>(id));
  }
  return {};
}

}  // namespace

Result<std::set<std::string>> method_names(const MethodContext& context) {
  std::set<std::string> names;
  for (size_t i = 0; i < context.program->num_methods(); ++i) {
    auto name = context.program->get_method_name(i);
    if (!name.ok() || name.get() == nullptr) {
      return Status(StatusCode::Corrupt, concat(context.file, ": method ", i, " has no name"));
    }
    names.insert(name.get());
  }
  return names;
}

Result<std::vector<int64_t>> constant_ints(const MethodContext& context,
                                           const std::set<std::string>& methods,
                                           const std::string& name) {
  std::vector<int64_t> values;
  if (!methods.contains(name)) return values;
  const Status no_list(StatusCode::Corrupt,
                       concat(context.file, ": method '", name, "' is no plain list of integers"));
  const auto described = context.program->method_meta(name.c_str());
  if (!described.ok() || !holds_values_only(*described)) return no_list;
  ETB_ASSIGN_OR_RETURN(const std::vector<size_t> planned, planned_sizes(context, name));
  if (std::any_of(planned.begin(), planned.end(), [](size_t bytes) { return bytes > 0; })) {
    return no_list;
  }
  const std::vector<std::span<uint8_t>> no_memory(planned.size());
  ETB_ASSIGN_OR_RETURN(const std::unique_ptr<LoadedMethod> loaded,
                       LoadedMethod::load(context, name, no_memory));
  const MethodMeta meta = loaded->method().method_meta();
  for (size_t i = 0; i < meta.num_outputs(); ++i) {
    auto tag = meta.output_tag(i);
    if (!tag.ok() || (tag.get() != Tag::Int && tag.get() != Tag::Bool)) return no_list;
    const auto& value = loaded->method().get_output(i);
    values.push_back(value.isBool() ? int64_t{value.toBool()} : value.toInt());
  }
  return values;
}

std::vector<const MethodContract*> TextMethods::list() const {
  std::vector<const MethodContract*> all = {&many};
  if (single) all.push_back(&*single);
  if (all_rows) all.push_back(&*all_rows);
  return all;
}

Result<TextMethods> read_text_methods(const MethodContext& context,
                                      const std::set<std::string>& methods) {
  const std::string decoder(model::kTextDecoder);
  const bool one = methods.contains(kForward);
  TextMethods text;
  if (!one && methods.contains(decoder)) {
    ETB_ASSIGN_OR_RETURN(text.many, read_contract(context, decoder));
    return text;
  }
  if (!one && !(methods.contains(kPrefill) && methods.contains(kDecode))) {
    return Status(
        StatusCode::Unsupported,
        concat(context.file, " has neither a method '", kForward, "' nor '", decoder, "' nor '",
               kPrefill, "' and '", kDecode, "': it is no text model (its methods are ",
               name_list({methods.begin(), methods.end()}), ")"));
  }
  ETB_ASSIGN_OR_RETURN(text.many, read_contract(context, one ? kForward : kPrefill));
  if (!one) {
    ETB_ASSIGN_OR_RETURN(text.single, read_contract(context, kDecode));
  }
  if (methods.contains(kForwardAll)) {
    ETB_ASSIGN_OR_RETURN(text.all_rows, read_contract(context, kForwardAll));
    if (!text.all_rows->all_rows || text.all_rows->most_tokens != text.many.most_tokens) {
      return Status(StatusCode::Corrupt, concat(context.file, ": ", kForward, " and ", kForwardAll,
                                                " differ in what they take"));
    }
  }
  for (const MethodContract* method : text.list()) {
    if (method->vocab == text.many.vocab) continue;
    return Status(StatusCode::Corrupt, concat(context.file, ": its methods differ in vocabulary"));
  }
  return text;
}

Result<RunnerMeta> read_program_meta(const MethodContext& context,
                                     const std::set<std::string>& methods,
                                     const TextMethods& text) {
  RunnerMeta meta;
  meta.has_forward_all = text.all_rows.has_value() || text.many.all_rows;
  const int64_t logits = text.many.vocab;
  ETB_ASSIGN_OR_RETURN(auto vocab, constant_int(context, methods, "get_vocab_size", kMaxVocab));
  ETB_ASSIGN_OR_RETURN(auto positions,
                       constant_int(context, methods, "get_max_context_len", kMaxPositions));
  if (!positions) {
    ETB_ASSIGN_OR_RETURN(positions,
                         constant_int(context, methods, "get_max_seq_len", kMaxPositions));
  }
  if (!positions || *positions == 0) {
    return Status(StatusCode::Unsupported,
                  concat(context.file,
                         " does not say how long its context is "
                         "(method get_max_context_len): export it again with metadata"));
  }
  if (vocab.value_or(logits) != logits) {
    return Status(StatusCode::Corrupt, concat(context.file, ": the program gives ", logits,
                                              " logits, get_vocab_size says ", vocab.value_or(0)));
  }
  meta.context = static_cast<uint32_t>(*positions);
  meta.chunk = std::min(text.many.most_tokens, meta.context);
  meta.vocab_size = text.many.vocab;
  ETB_RETURN_IF_ERROR(read_token_ids(context, methods, meta));
  return meta;
}

}  // namespace etb::runner
