#include "results/sqlite_error.h"

#include <fmt/format.h>

#include "common/error.h"
#include "common/files.h"
#include "common/text.h"
#include "results/store.h"

namespace rankscope {

std::string shown_path(const std::filesystem::path& path) {
  return "'" + printable_path(path) + "'";
}

void throw_sqlite_error(const SQLite::Exception& error, int system_errno,
                        const std::string& shown) {
  const std::string what = printable(error.what(), 300);
  // The system call's error is that of the last call that failed: only these two come from one.
  const std::string cause = system_errno == 0 ? what : system_error_text(system_errno);
  switch (error.getErrorCode()) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw DamagedDatabase(
          fmt::format("{} is damaged or no database ({}); delete it and run `rankscope collect` on "
                      "its folder: the trial folders hold all that it held",
                      shown, what));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw InputError(fmt::format(
          "{} is in use by another program ({}); close that program, or wait, and try again", shown,
          what));
    case SQLITE_FULL:
      throw MachineError(
          fmt::format("cannot write {}: disk full ({}); make room and run the same command again",
                      shown, what));
    case SQLITE_IOERR:
      // SQLite tells a full disk only where the system says ENOSPC: not for quotas and file size
      // limits, and it does not keep the system's error then.
      if (error.getExtendedErrorCode() == SQLITE_IOERR_WRITE ||
          error.getExtendedErrorCode() == SQLITE_IOERR_SHMSIZE) {
        throw MachineError(fmt::format(
            "cannot write {}: {}; is the disk full, or a quota or file size limit reached? Make "
            "room and run the same command again",
            shown, what));
      }
      throw MachineError(fmt::format("cannot read or write {}: {}; check the disk", shown, cause));
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw InputError(
          fmt::format("cannot write {}: {}; make it and its folder writable", shown, what));
    case SQLITE_CANTOPEN:
      throw InputError(fmt::format(
          "cannot use {}: {}; it and its folder must exist and be writable", shown, cause));
    case SQLITE_NOMEM:
      throw MachineError(fmt::format("SQLite is out of memory with {}; free some", shown));
    case SQLITE_INTERRUPT:
      throw Interrupted(fmt::format("interrupted while reading {}", shown));
    default:
      throw InputError(fmt::format("{}: {}", shown, what));
  }
}

}  // namespace rankscope
