// Where things lie: the user's cache folder, and the parts of a path.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace etb {

// $XDG_CACHE_HOME/etbridge, else $HOME/.cache/etbridge; NotFound naming both if neither is usable.
// The folder need not exist. XDG: a relative XDG_CACHE_HOME is ignored.
Result<std::string> cache_folder();
// The same; empty if neither is usable: for whoever then keeps nothing.
std::string cache_folder_if_any();

std::string join_path(std::string_view folder, std::string_view name);
std::string_view file_name(std::string_view path);       // "a/b.pte" -> "b.pte"
std::string_view folder_of(std::string_view path);       // "a/b.pte" -> "a"; "b.pte" -> "."
std::string_view file_stem(std::string_view path);       // "a/b.q4.pte" -> "b.q4"
std::string_view file_extension(std::string_view path);  // "a/b.q4.pte" -> ".pte", ".b" -> ""

}  // namespace etb
