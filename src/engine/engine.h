// Engine: a loaded model with all that talking to it needs - runner, tokenizer, chat template, stop
// ids. Immutable after load and shared by its sessions; what changes lives in Session.
//
//   auto engine = Engine::load({.model = "SmolLM2.gguf"});
//   auto session = (*engine)->new_session({.system = "Be brief."});
//   auto answer = (*session)->chat("Hello!", {}, [](std::string_view text) { show(text); },
//   nullptr);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "base/token_id.h"
#include "engine/model_bundle.h"
#include "engine/request.h"
#include "runner/text_runner.h"

namespace etb {

class Session;

struct EngineOptions {
  std::string model;             // a .gguf (imported once into the cache) or one of our .pte files
  uint32_t context = 0;          // positions; 0 = the file's default
  unsigned threads = 0;          // 0 = the machine's performance cores
  std::string kernel_path = {};  // empty: the best this machine has; else "scalar", "avx2", ...
  LoadProgress progress;         // may be empty; called on the loading thread
  const CancelToken* cancel = nullptr;
};

struct SessionOptions {
  std::string system;                  // empty: whatever the template does by itself
  std::optional<int64_t> now_seconds;  // pins strftime_now of templates (UTC); default: the clock
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  // NotFound, Corrupt, Unsupported (missing operator or architecture, named), OutOfMemory,
  // Cancelled.
  static Result<std::shared_ptr<Engine>> load(const EngineOptions& options);

  // From parts made elsewhere: a scripted runner in tests, above all.
  static std::shared_ptr<Engine> from_parts(ModelBundle bundle,
                                            std::shared_ptr<runner::TextRunner> runner);

  // A conversation with its own KV memory. The session keeps the engine alive.
  Result<std::unique_ptr<Session>> new_session(const SessionOptions& options);

  const ModelBundle& bundle() const { return bundle_; }
  const token::Tokenizer& tokenizer() const { return *bundle_.tokenizer; }
  runner::TextRunner& runner() { return *runner_; }
  // From the file's end ids, its end-of-turn ids, and the family's known end-of-turn texts; sorted.
  const std::vector<TokenId>& stop_ids() const { return stop_ids_; }
  double load_ms() const { return load_ms_; }

 private:
  Engine() = default;

  ModelBundle bundle_;
  std::shared_ptr<runner::TextRunner> runner_;
  std::vector<TokenId> stop_ids_;
  double load_ms_ = 0;
};

}  // namespace etb
