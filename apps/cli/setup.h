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
std::vector<runner::BackendOption> backend_options(const CommonArgs& args);
// InvalidArgument names the flag or file whose value does not parse.
Result<GenerateOptions> generate_options(const TalkArgs& args);
Result<SessionOptions> session_options(const TalkArgs& args);
// "window", "count=20", "keep-first=1", "summarise", "error"; numbers may be left out.
Result<HistoryPolicy> parse_history(const std::string& text);
// "42=-5", "42=-inf": a token id and what is added to its logit.
Result<std::pair<TokenId, float>> parse_bias(const std::string& text);
// "XnnpackBackend.workspace_sharing_mode=1".
Result<runner::BackendOption> parse_backend_option(const std::string& text);
// "2026-11-23T12:00:00" (UTC) as seconds since 1970; nullopt for an empty text.
Result<std::optional<int64_t>> parse_now(const std::string& text);
// The file's text; "-" reads standard input.
Result<std::string> read_input(const std::string& path);

}  // namespace etb::cli
