// A model's tokenizer as its authors publish it: one main file, and beside it files that say which
// tokens have a role, and how a chat is written.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "family/vocab.h"
#include "platform/mapped_file.h"

namespace etb::token {

struct TokenizerFiles {
  std::string path;         // the main file
  family::VocabData vocab;  // ids, add_bos and add_eos as the files beside it have them
  // chat_template.jinja, else chat_template.json, else tokenizer_config.json; empty if there is
  // none. Of several the one that is called "default"; the others are named.
  std::string chat_template;
  std::vector<std::pair<std::string, std::string>> named_templates;
  // What ends an answer: generation_config.json's eos_token_id, and the tokenizer's own EOS, EOT
  // and EOM. Ascending, each once.
  std::vector<TokenId> eos_ids;
};

// What the files beside the main one hold, all of it; empty texts stand for files that are not
// there.
struct SideFiles {
  std::string tokenizer_config, generation_config;  // JSON
  std::string template_json, template_jinja;
};

// The files opened and not yet read: all that TokenizerFiles follow from.
struct TokenizerSource {
  std::string path;  // the main file
  std::shared_ptr<const MappedFile> main;
  SideFiles side;
};

// `path`: a tokenizer.json, a tiktoken or SentencePiece tokenizer.model, told apart by what is in
// them; or a folder that holds one, looked for in that order. NotFound naming what was looked for;
// Corrupt and Unsupported naming the file and the part of it.
Result<TokenizerFiles> open_tokenizer(const std::string& path);

// The two steps of it.
Result<TokenizerSource> open_source(const std::string& path);
Result<TokenizerFiles> read_source(const TokenizerSource& source);

// The main file of a folder. NotFound naming what was looked for.
Result<std::string> find_tokenizer(const std::string& folder);

// The main file alone, by its bytes.
Result<family::VocabData> read_tokenizer(std::string_view bytes);

Status apply_side_files(const SideFiles& side, TokenizerFiles& files);

}  // namespace etb::token
