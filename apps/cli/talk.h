// What `chat` and `run` share: an engine whose events become notes on stderr, and an answer that is
// followed to its end.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "args.h"
#include "base/cancel.h"
#include "engine/engine.h"
#include "engine/request.h"

namespace etb::cli {

// What the engine did by itself (memory, heat), kept until it can be shown without tearing a line
// that somebody reads or types.
class EngineNotes {
 public:
  EngineEventSink sink();  // from any thread; may outlive this
  void show();

 private:
  struct Waiting {
    std::mutex mutex;
    std::vector<std::string> texts;
  };
  const std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
};

struct EngineSetup {
  const CancelToken* cancel = nullptr;
  EngineEventSink on_event = {};
  std::string folder = {};  // PoolOptions::folder
};
Result<std::shared_ptr<Engine>> load_engine(const TalkArgs& args, const EngineSetup& setup);

// Reads the request to its end: text goes to `show`, reasoning, tool calls and notices to
// stderr, Ctrl-C
// cancels it. So does `earlier` if it was set before this began; may be null.
Result<Answer> follow(Request& request, const TextSink& show, const CancelToken* earlier);

// A folder of this process in the user's cache: for conversations that are put aside when memory is
// short. Goes with the object; those of processes that were killed go when one is made.
class ParkedFolder {
 public:
  ParkedFolder();
  ~ParkedFolder();
  ParkedFolder(const ParkedFolder&) = delete;
  ParkedFolder& operator=(const ParkedFolder&) = delete;
  const std::string& path() const { return path_; }  // empty: there can be none

 private:
  std::string path_;
};

}  // namespace etb::cli
