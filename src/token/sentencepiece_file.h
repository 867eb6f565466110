// SentencePiece's .model: a protobuf with the pieces, their scores, and how text is normalised.
#pragma once

#include <string_view>

#include "base/status.h"
#include "family/vocab.h"

namespace etb::token {

// BPE and Unigram models. Corrupt for a broken file; Unsupported naming the setting: other kinds of
// models, spaces behind words, pieces without space marks, normalisation of decoded text. add_bos:
// as models of this form want it where nothing else says so, i.e. for BPE.
Result<family::VocabData> read_sentencepiece(std::string_view bytes);

}  // namespace etb::token
