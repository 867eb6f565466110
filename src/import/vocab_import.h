// From a GGUF's tokenizer keys to the stored vocabulary, the chat template, and the ids that end an
// answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "family/family.h"
#include "family/vocab.h"
#include "import/gguf_file.h"
#include "model/manifest.h"

namespace etb::import {

// NotFound: no tokenizer; Unsupported: another kind than byte-level BPE and SentencePiece.
Result<family::VocabData> read_vocab(const GgufFile& file);

// Empty if the file has none.
Result<std::string_view> read_template(const GgufFile& file);

// eos, eot, eom, and the family's stop texts that are special tokens; sorted, each once.
model::SpecialTokens special_tokens(const family::VocabData& vocab, const family::FamilyRow& row);

}  // namespace etb::import
