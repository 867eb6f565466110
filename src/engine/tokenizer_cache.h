// A published tokenizer, opened as quickly as one of our own: what was read of its files is kept in
// the cache folder with every table in it (family/vocab.h), and a later start maps that instead of
// parsing some megabytes of JSON.
//
// Bytes of such a file: u32 ids in eos_ids, u32 bytes of the template; these two; the stored
// vocabulary; a seal (model/sealed_file.h). Its key is over who the main file is, the whole text of
// the files beside it, and the version of this library: whatever reads them otherwise reads them
// anew. Nothing of it is used before its checksum and then each of its lengths and ids were
// checked; what cannot be used is made again, and whatever fails costs no more than reading the
// original.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"
#include "token/tokenizer.h"

namespace etb {

struct PublishedTokenizer {
  std::string path;  // the main file
  std::shared_ptr<const token::Tokenizer> tokenizer = nullptr;
  std::string chat_template = {};     // empty: the files have none
  std::vector<TokenId> eos_ids = {};  // what ends an answer; ascending, each once
};

// `path` and errors as token::open_tokenizer() has them. `folder`: of the cache; empty: nothing is
// kept. Threads and processes may open one tokenizer at once.
Result<PublishedTokenizer> open_published_tokenizer(const std::string& path,
                                                    const std::string& folder);

}  // namespace etb
