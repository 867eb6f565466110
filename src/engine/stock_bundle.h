// A stock .pte as an app wants it: its tokenizer and chat template come from files beside it, and
// what the file says of itself stands for a manifest.
#pragma once

#include <string>

#include "engine/model_bundle.h"

namespace etb {

// Fills manifest, tokenizer and chat template. `tokenizer`: a tokenizer file or a folder that holds
// one (token/tokenizer_file.h); empty: the file's own folder. Unsupported: no text model; NotFound:
// no tokenizer there, with the names looked for.
Status read_stock(const model::PteFile& pte, const std::string& tokenizer, ModelBundle& bundle);

}  // namespace etb
