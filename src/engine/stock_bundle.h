// What a bundle gets from the files that models are published with: tokenizer and chat template
// from those beside a stock .pte, while what that file says of itself stands for a manifest.
#pragma once

#include <string>

#include "engine/model_bundle.h"

namespace etb {

// Fills tokenizer and chat template, and adds the ids that these files end answers at to the
// manifest's. `path` as token::open_tokenizer() has it, and its errors. The main file's path.
Result<std::string> read_tokenizer_files(const std::string& path, ModelBundle& bundle);

// The .ptd that belongs to a stock model: in its folder, of the same stem; empty: there is none.
std::string data_file_beside(std::string_view model);

// Fills manifest, weights of other files, tokenizer and chat template. `paths.tokenizer`: a
// tokenizer file or a folder that holds one; empty: the file's own folder. Unsupported: no text
// model; NotFound: no tokenizer there, with the names looked for, and no paths.ids_only.
Status read_stock(const model::PteFile& pte, const BundlePaths& paths, ModelBundle& bundle);

}  // namespace etb
