// Hugging Face's tokenizer.json. Supported: the models BPE and Unigram; normalizers NFC to NFKD,
// Lowercase, StripAccents, Prepend, Replace, Strip; pre-tokenizers ByteLevel, Split, Digits,
// Whitespace, WhitespaceSplit, Metaspace, Punctuation; sequences of these; TemplateProcessing.
// Whatever else a file holds is refused by component and value, since a part that is left out
// changes the ids in silence. Truncation and padding are not read: they say how batches were made,
// not which ids a text has.
#pragma once

#include <string_view>

#include "base/status.h"
#include "family/vocab.h"

namespace etb::token {

// ids: what the model (unk) and the post-processor (bos, eos) name; add_bos and add_eos: whether
// the post-processor puts them there. Corrupt for bad JSON and for parts that do not fit together;
// Unsupported naming the component.
Result<family::VocabData> read_tokenizer_json(std::string_view text);

}  // namespace etb::token
