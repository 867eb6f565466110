// From arguments to an engine and its options: what the verbs that load a model share.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "args.h"
#include "engine/engine.h"
#include "engine/request.h"
#include "engine/session.h"

namespace etb::cli {

ModelOptions model_options(const std::string& model, const CommonArgs& args);
Result<std::shared_ptr<Engine>> load_engine(const std::string& model, const CommonArgs& args,
                                            const CancelToken* cancel);
// InvalidArgument names the flag whose value does not parse.
Result<GenerateOptions> generate_options(const SamplingArgs& args, int max_tokens);
// "42=-5", "42=-inf": a token id and what is added to its logit.
Result<std::pair<TokenId, float>> parse_bias(const std::string& text);
// "2026-11-23T12:00:00" (UTC) as seconds since 1970; nullopt for an empty text.
Result<std::optional<int64_t>> parse_now(const std::string& text);
// The file's text; "-" reads standard input.
Result<std::string> read_input(const std::string& path);

}  // namespace etb::cli
