// The table of errno values that a user can do something about.
#include "platform/os_error_posix.h"

#include <cerrno>
#include <string>
#include <system_error>

#include "base/text.h"

namespace etb {
namespace {

struct Meaning {
  int error;
  StatusCode code;
  const char* remedy;
};

constexpr Meaning kMeanings[] = {
    {ENOENT, StatusCode::NotFound, "check the path"},
    {ENOTDIR, StatusCode::NotFound, "a part of the path is no folder"},
    {EACCES, StatusCode::InvalidArgument, "you lack the permission: check its owner and mode"},
    {EPERM, StatusCode::InvalidArgument, "you lack the permission: check its owner and mode"},
    {EROFS, StatusCode::InvalidArgument, "the disk is read-only: choose another folder"},
    {EISDIR, StatusCode::InvalidArgument, "it is a folder: name a file"},
    {ELOOP, StatusCode::InvalidArgument, "too many symbolic links on the way"},
    {ENAMETOOLONG, StatusCode::InvalidArgument, "choose a shorter name"},
    {ENOSPC, StatusCode::Internal, "the disk is full: free some space or choose another folder"},
    {EDQUOT, StatusCode::Internal, "your disk quota is used up: free some space"},
    {EFBIG, StatusCode::Internal, "the file is larger than this file system or ulimit -f allows"},
    {EIO, StatusCode::Internal, "the disk failed: check it"},
    {EMFILE, StatusCode::Internal, "too many open files: raise ulimit -n"},
    {ENFILE, StatusCode::Internal, "the system has too many open files"},
    {ENOMEM, StatusCode::OutOfMemory, "close other programs or use a smaller model"},
    {EAGAIN, StatusCode::OutOfMemory, "a limit on locked or mapped memory is reached"},
};

}  // namespace

Status os_error(std::string_view doing, std::string_view path, int error) {
  std::string message =
      concat("cannot ", doing, " '", path, "': ", std::generic_category().message(error));
  for (const Meaning& meaning : kMeanings) {
    if (meaning.error == error) {
      return Status(meaning.code, concat(message, "; ", meaning.remedy));
    }
  }
  return Status(StatusCode::Internal, message);
}

}  // namespace etb
