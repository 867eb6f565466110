// XDG base folders, and path parts with '/' between them.
#include "platform/paths.h"

#include <cstdlib>
#include <utility>

#include "base/text.h"

namespace etb {

Result<std::string> cache_folder() {
  const char* xdg = std::getenv("XDG_CACHE_HOME");
  if (xdg != nullptr && xdg[0] == '/') return join_path(xdg, "etbridge");
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return join_path(join_path(home, ".cache"), "etbridge");
  return Status(StatusCode::NotFound,
                "no cache folder: neither XDG_CACHE_HOME nor HOME is set to an absolute path; set "
                "one of them, or import to a file of your choice");
}

std::string cache_folder_if_any() {
  auto folder = cache_folder();
  return folder.ok() ? std::move(folder).value() : std::string();
}

std::string join_path(std::string_view folder, std::string_view name) {
  if (folder.empty()) return std::string(name);
  return concat(folder, folder.ends_with('/') ? "" : "/", name);
}

std::string_view file_name(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view folder_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string_view file_stem(std::string_view path) {
  const std::string_view name = file_name(path);
  return name.substr(0, name.size() - file_extension(name).size());
}

std::string_view file_extension(std::string_view path) {
  const std::string_view name = file_name(path);
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? std::string_view() : name.substr(dot);
}

}  // namespace etb
