// What this build brings to a program: operators, backends, kernel paths. For `doctor`, `inspect`
// and messages about what is missing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace etb::runner {

// "etb::mlp.out": ours, or a globally registered one.
bool has_operator(std::string_view name);
// "XnnpackBackend": linked, and its own check says that it can run here.
bool has_backend(std::string_view name);
std::vector<std::string> linked_backends();
// What this CPU can run, plainest first; the last is the one that is used. Never empty.
std::vector<std::string> kernel_paths();

}  // namespace etb::runner
