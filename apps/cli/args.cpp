// The parser library and its exceptions stay in this file.
#include "args.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/text.h"
#include "engine/doctor.h"
#include "engine/text_tools.h"
#include "setup.h"

namespace etb::cli {
namespace {

// What the parser prints as a usage error; empty: no complaint.
std::string complaint(const Status& status) {
  return std::string(status.message());
}

std::string is_bias(const std::string& text) {
  return complaint(parse_bias(text).status());
}

std::string is_backend_option(const std::string& text) {
  return complaint(parse_backend_option(text).status());
}

std::string is_history(const std::string& text) {
  return complaint(parse_history(text).status());
}

void add_common(CLI::App& verb, CommonArgs& args) {
  verb.add_option("--threads", args.threads, "Threads (default: performance cores)")
      ->check(CLI::Range(1u, 256u));
  verb.add_option("--context", args.context,
                  "Context length in tokens (default: the file's, or what memory allows)")
      ->check(CLI::Range(16u, 1u << 20));
  verb.add_option("--tokenizer", args.tokenizer,
                  "Tokenizer of a stock .pte (default: the one in its folder)");
  verb.add_option("--data", args.data,
                  "A .ptd with weights of a stock .pte (repeatable; default: the one beside it)")
      ->allow_extra_args(false);
  verb.add_option("--backend-option", args.backend_options,
                  "NAME.KEY=VALUE for what a stock .pte is delegated to, e.g. "
                  "XnnpackBackend.workspace_sharing_mode=1 (repeatable)")
      ->allow_extra_args(false)
      ->check(is_backend_option);
  verb.add_option("--kv", args.kv, "KV cache type")->check(CLI::IsMember({"f16"}));
}

void add_json(CLI::App& verb, CommonArgs& args) {
  verb.add_flag("--json", args.json, "Print JSON on standard output");
}

void add_now(CLI::App& verb, CommonArgs& args) {
  verb.add_option("--now", args.now, "Pin the templates' clock, e.g. 2026-11-23T12:00:00")
      ->check([](const std::string& text) { return complaint(parse_now(text).status()); });
}

void add_sampling(CLI::App& verb, SamplingArgs& args) {
  const auto unit = CLI::Range(0.0, 1.0);
  const std::string group = "Sampling";
  verb.add_option("--temp", args.temp, "Temperature; 0 = greedy")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 100.0))
      ->group(group);
  verb.add_option("--top-k", args.top_k, "Keep the K likeliest; 0 = all")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber)
      ->group(group);
  verb.add_option("--top-p", args.top_p, "Keep the likeliest with this mass")
      ->capture_default_str()
      ->check(unit)
      ->group(group);
  verb.add_option("--min-p", args.min_p, "Drop below this share of the best")
      ->capture_default_str()
      ->check(unit)
      ->group(group);
  verb.add_option("--typical", args.typical, "Locally typical mass; 1 = off")
      ->capture_default_str()
      ->check(unit)
      ->group(group);
  verb.add_option("--repeat-penalty", args.repeat_penalty, "1 = off")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 100.0))
      ->group(group);
  verb.add_option("--presence-penalty", args.presence_penalty, "0 = off")->group(group);
  verb.add_option("--frequency-penalty", args.frequency_penalty, "0 = off")->group(group);
  verb.add_option("--dry", args.dry, "DRY multiplier against repeated sequences; 0 = off")
      ->check(CLI::Range(0.0, 100.0))
      ->group(group);
  verb.add_option("--logit-bias", args.logit_bias, "ID=BIAS, e.g. 42=-5 or 42=-inf (repeatable)")
      ->allow_extra_args(false)
      ->check(is_bias)
      ->group(group);
  verb.add_option("--seed", args.seed, "Makes sampling reproducible")->group(group);
  verb.add_option("--stop", args.stops, "Stop at this text (repeatable)")
      ->allow_extra_args(false)
      ->group(group);
  verb.add_option("--logprobs", args.logprobs, "Report this many log-probabilities a token")
      ->check(CLI::Range(0, 1000))
      ->group(group);
}

CLI::Option* add_template(CLI::App& verb, std::string& chat_template) {
  return verb.add_option(
      "--template", chat_template,
      concat("Chat template instead of the model's own: a file, or one of ", built_in_templates()));
}

CLI::Option* add_model(CLI::App& verb, std::string& model) {
  return verb.add_option("MODEL", model, "A .gguf or a .pte")->required();
}

// "128,512": one argument, so that what follows it is not swallowed.
template <class Number, class Check>
void add_list(CLI::App& verb, const char* flag, std::vector<Number>& values, const char* about,
              const Check& check) {
  verb.add_option(flag, values, about)->delimiter(',')->allow_extra_args(false)->check(check);
}

using Choose = std::function<void(Invocation)>;

// Registers a verb whose arguments live as long as the parser; `fill` adds its options.
template <class Args, class Fill>
void add_verb(CLI::App& app, const char* name, const char* about, const Choose& choose, Fill fill) {
  CLI::App* verb = app.add_subcommand(name, about);
  auto args = std::make_shared<Args>();
  fill(*verb, *args);
  verb->callback([args, choose] { choose(*args); });
}

CLI::Option* add_talk(CLI::App& verb, TalkArgs& args) {
  add_model(verb, args.model);
  CLI::Option* system = verb.add_option("--system", args.system, "System prompt");
  verb.add_option("-n,--max-tokens", args.max_tokens, "Tokens of an answer at most")
      ->check(CLI::Range(-1, 1 << 30));
  verb.add_option(
          "--history", args.history,
          "What goes when the context is full: window (the oldest exchanges), count[=N] (all but "
          "the newest N messages, 20), keep-first[=N] (what follows the first N exchanges, "
          "1), summarise (the oldest, for a summary by the model), error (nothing)")
      ->capture_default_str()
      ->check(is_history);
  verb.add_option("--think", args.think,
                  "Whether the model reasons first, if its template lets one choose")
      ->check(CLI::IsMember({"auto", "on", "off"}));
  verb.add_option("--tools", args.tools,
                  "A JSON file with what the model may call, declared as for OpenAI");
  add_template(verb, args.chat_template);
  verb.add_flag("--no-lookup", args.no_lookup,
                "Do not guess ahead where text repeats (same tokens, for timing)");
  add_common(verb, args.common);
  add_now(verb, args.common);
  add_sampling(verb, args.sampling);
  return system;
}

void add_talking_verbs(CLI::App& app, const Choose& choose) {
  add_verb<ChatArgs>(app, "chat", "Talk with a model", choose, [](CLI::App& verb, ChatArgs& args) {
    args.talk.sampling.temp = 0.7;
    add_talk(verb, args.talk);
    verb.add_flag("--commands", args.commands,
                  "Obey /commands (see /help) also in lines of a pipe; else all are prompts");
  });
  add_verb<RunArgs>(app, "run", "Answer one prompt", choose, [](CLI::App& verb, RunArgs& args) {
    CLI::Option* system = add_talk(verb, args.talk);
    CLI::Option_group* source = verb.add_option_group("Prompt");
    source->add_option("-p,--prompt", args.prompt, "The prompt");
    source->add_option("-f,--file", args.file, "Read the prompt from a file; - = standard input");
    CLI::Option* messages =
        source->add_option("--messages", args.messages, "A JSON file with the conversation");
    source->require_option(1);
    CLI::Option* raw =
        verb.add_flag("--raw", args.raw, "The text is the whole prompt: no template");
    raw->excludes(system)->excludes(messages)->excludes(verb.get_option("--template"));
    verb.add_option("--image", args.images,
                    "A PNG or JPEG that stands before the prompt's text (repeatable)")
        ->allow_extra_args(false)
        ->excludes(messages)
        ->excludes(raw);
    verb.add_option("--session", args.session,
                    "Go on with the conversation in this file, if there is one, and save it back")
        ->excludes(messages)
        ->excludes(raw);
    verb.add_flag("--ignore-eos", args.ignore_eos, "Go on past the end of the answer");
    add_json(verb, args.talk.common);
  });
}

void add_file_verbs(CLI::App& app, const Choose& choose) {
  add_verb<ImportArgs>(
      app, "import", "Make a .pte from a .gguf", choose, [](CLI::App& verb, ImportArgs& args) {
        verb.add_option("INPUT", args.input, "The .gguf (of a split: its first file)")->required();
        verb.add_option("-o,--output", args.output, "The .pte to write")->required();
        verb.add_option("--context", args.common.context, "Default context to bake in")
            ->check(CLI::Range(16u, 1u << 20));
        add_json(verb, args.common);
      });
  add_verb<InspectArgs>(app, "inspect", "Explain a model file", choose,
                        [](CLI::App& verb, InspectArgs& args) {
                          verb.add_option("FILE", args.file, "A .pte or .gguf")->required();
                          verb.add_flag("--verify", args.verify, "Check every checksum");
                          add_json(verb, args.common);
                        });
  CLI::App* cache =
      app.add_subcommand("cache", "Imported models and packed weights: list or clear");
  cache->require_subcommand(1);
  add_verb<CacheArgs>(*cache, "list", "List what is cached", choose,
                      [](CLI::App& verb, CacheArgs& args) { add_json(verb, args.common); });
  add_verb<CacheArgs>(*cache, "clear", "Remove what is cached", choose,
                      [](CLI::App& verb, CacheArgs& args) {
                        args.clear = true;
                        add_json(verb, args.common);
                      });
}

void add_text_verbs(CLI::App& app, const Choose& choose) {
  const char* about_model =
      "A model file (.gguf or .pte), a tokenizer file, or a folder that holds one";
  add_verb<TokenizeArgs>(app, "tokenize", "JSON strings in, JSON arrays of ids out, one a line",
                         choose, [=](CLI::App& verb, TokenizeArgs& args) {
                           verb.add_option("MODEL", args.model, about_model)->required();
                           verb.add_flag("--special", args.special,
                                         "Recognise special tokens in the text");
                         });
  add_verb<DetokenizeArgs>(app, "detokenize", "JSON arrays of ids in, JSON strings out, one a line",
                           choose, [=](CLI::App& verb, DetokenizeArgs& args) {
                             verb.add_option("MODEL", args.model, about_model)->required();
                           });
  add_verb<RenderArgs>(app, "render", "Render conversations, one JSON object a line", choose,
                       [=](CLI::App& verb, RenderArgs& args) {
                         CLI::Option_group* source = verb.add_option_group("Template");
                         source->add_option("MODEL", args.model, about_model);
                         add_template(*source, args.chat_template);
                         source->require_option(1, 2);
                         add_now(verb, args.common);
                       });
}

void add_measuring_verbs(CLI::App& app, const Choose& choose) {
  add_verb<PerplexityArgs>(
      app, "perplexity", "Perplexity or log-probabilities of a text", choose,
      [](CLI::App& verb, PerplexityArgs& args) {
        add_model(verb, args.model);
        CLI::Option_group* source = verb.add_option_group("Input");
        source->add_option("-f,--file", args.file, "A text file; - = standard input");
        source->add_option("--ids", args.ids, "A file with a JSON array of token ids");
        source->require_option(1);
        verb.add_option("-c,--window", args.window, "Tokens of a chunk")
            ->capture_default_str()
            ->check(CLI::Range(8u, 1u << 20));
        verb.add_option("--logprobs", args.logprobs,
                        "Write one JSON object a position to this file; - = standard output");
        verb.add_option("--top", args.top, "Best tokens a position, with --logprobs")
            ->capture_default_str()
            ->check(CLI::Range(0, 1 << 20));
        add_common(verb, args.common);
        add_json(verb, args.common);
      });
  add_verb<BenchArgs>(
      app, "bench", "Measure load, prefill and decode", choose,
      [](CLI::App& verb, BenchArgs& args) {
        add_model(verb, args.model);
        add_list(verb, "-p", args.prompts, "Prompt lengths", CLI::Range(0u, 1u << 20));
        add_list(verb, "-n", args.generate, "Tokens to generate", CLI::Range(0u, 1u << 20));
        add_list(verb, "-d", args.depths, "Context depths", CLI::Range(0u, 1u << 20));
        add_list(verb, "-t", args.threads, "Thread counts", CLI::Range(1u, 256u));
        verb.add_option("-r", args.repeats, "Repeats")
            ->capture_default_str()
            ->check(CLI::Range(1, 1000));
        add_common(verb, args.common);
        add_json(verb, args.common);
      });
  add_verb<DoctorArgs>(app, "doctor", "What this machine and build can do", choose,
                       [](CLI::App& verb, DoctorArgs& args) { add_json(verb, args.common); });
}

bool is_verb(CLI::App& app, const std::string& word) {
  const auto verbs = app.get_subcommands([](CLI::App*) { return true; });
  return std::any_of(verbs.begin(), verbs.end(),
                     [&word](const CLI::App* verb) { return verb->get_name() == word; });
}

}  // namespace

ParsedArgs parse_args(int argc, char** argv) {
  ParsedArgs parsed;
  CLI::App app("Talk with language models on this device (ExecuTorch).", "etbridge");
  app.set_version_flag("--version", std::string(version_line()));
  app.require_subcommand(1);
  const Choose choose = [&parsed](Invocation chosen) { parsed.invocation = std::move(chosen); };
  add_talking_verbs(app, choose);
  add_file_verbs(app, choose);
  add_text_verbs(app, choose);
  add_measuring_verbs(app, choose);
  if (argc > 1 && argv[1][0] != '-' && !is_verb(app, argv[1])) {
    std::fprintf(stderr, "'%s' is no verb: etbridge --help lists them\n", argv[1]);
    parsed.exit_code = 2;
    return parsed;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    parsed.invocation.reset();
    parsed.exit_code = app.exit(error) == 0 ? 0 : 2;
  }
  return parsed;
}

}  // namespace etb::cli
