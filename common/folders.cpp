#include "common/folders.h"

#include <system_error>

#include "common/error.h"
#include "common/files.h"
#include "common/text.h"

namespace rankscope {

void make_folder(const std::filesystem::path& path, const std::string& advice) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return;
  const std::string text = "cannot make the folder '" + printable_path(path) +
                           "': " + system_error_text(error.value()) + "; " + advice;
  if (error == std::errc::no_space_on_device || error == std::errc::io_error)
    throw MachineError(text);
  throw InputError(text);
}

std::string put_aside(const std::filesystem::path& path) {
  std::filesystem::path aside = path;
  aside += ".damaged";
  std::error_code error;
  std::filesystem::remove_all(aside, error);
  std::filesystem::rename(path, aside, error);
  if (error)
    throw MachineError("cannot put '" + printable_path(path) +
                       "' aside: " + system_error_text(error.value()));
  return aside.filename().string();
}

}  // namespace rankscope
