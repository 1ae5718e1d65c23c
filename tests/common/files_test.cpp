#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "common/files.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
namespace fs = std::filesystem;

namespace {

std::size_t names_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// Files may grow to this size only, until the end of the scope. The test program ignores SIGXFSZ,
// as the program itself does.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

// The number of a process that has ended.
pid_t ended_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return child;
}

}  // namespace

TEST_CASE("what is there is told from what is not, and from what can be no name") {
  const tests::TemporaryFolder folder;
  write_file_atomically(folder / "file", "");
  fs::create_symlink("nowhere", folder / "dangling");
  fs::create_symlink("loop", folder / "loop");
  CHECK(is_there(folder / "file"));
  CHECK_FALSE(is_folder(folder / "file"));
  CHECK(is_folder(folder.path()));
  for (const char* name : {"absent", "absent/below", "file/below", "dangling"}) {
    INFO(name);
    CHECK_FALSE(is_there(folder / name));
    CHECK_FALSE(is_folder(folder / name));
  }
  for (const fs::path& path :
       {folder / "loop", folder / "loop/below", folder / std::string(300, 'a')}) {
    INFO(path);
    CHECK_THROWS_AS(is_there(path), InputError);
    CHECK_THROWS_AS(is_folder(path), InputError);
  }
}

TEST_CASE("a text file is read whole, up to the limit") {
  const tests::TemporaryFolder folder;
  const std::string text(200000, 'x');
  write_file_atomically(folder / "t", text);
  CHECK(read_text_file(folder / "t") == text);
  CHECK(read_text_file(folder / "t", 200000) == text);
  CHECK_THAT(tests::error_text<InputError>([&] { read_text_file(folder / "t", 199999); }),
             Catch::EndsWith("longer than the 199999 bytes allowed here"));
  CHECK_THAT(tests::error_text<InputError>([&] { read_text_file(folder / "absent"); }),
             Catch::StartsWith("cannot read '") && Catch::Contains("No such file"));
  CHECK_THAT(tests::error_text<InputError>([&] { read_text_file(folder.path()); }),
             Catch::Contains("Is a directory"));
}

TEST_CASE("a mapped file shows its bytes, and still does after its pages are dropped") {
  const tests::TemporaryFolder folder;
  std::string text(50000, 'x');
  text[49999] = 'y';
  write_file_atomically(folder / "t", text);
  MappedFile file(folder / "t");
  REQUIRE(file.size() == 50000);
  CHECK(file.bytes()[49999] == std::byte{'y'});
  file.drop_pages(0, 50000);
  file.drop_pages(4097, 100);
  file.drop_pages(60000, 1);
  file.drop_pages(100, ~std::uint64_t{0});
  CHECK(file.bytes()[49999] == std::byte{'y'});
  MappedFile moved = std::move(file);
  CHECK(moved.bytes()[0] == std::byte{'x'});
  MappedFile other;
  other = std::move(moved);
  CHECK(other.size() == 50000);

  write_file_atomically(folder / "empty", "");
  CHECK(MappedFile(folder / "empty").bytes().empty());
  CHECK_THROWS_AS(MappedFile(folder / "absent"), InputError);
  CHECK_THROWS_AS(MappedFile(folder.path()), InputError);
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK_THAT(tests::error_text<InputError>([&] { MappedFile{folder / "pipe"}; }),
             Catch::Contains("not a regular file"));
}

TEST_CASE("an atomic file replaces the old one at commit, and not without it") {
  const tests::TemporaryFolder folder;
  const auto path = folder / "t";
  write_file_atomically(path, "old");
  {
    AtomicFile file(path);
    file.write(std::string(1000000, 'n'));
    file.write("ew");
    CHECK(read_text_file(path) == "old");
  }
  CHECK(read_text_file(path) == "old");
  CHECK(names_in(folder.path()) == 1);
  {
    AtomicFile file(path);
    file.write("a");
    file.write(std::string(1000000, 'n'));
    file.write(std::as_bytes(std::span("z", 1)));
    file.commit();
  }
  CHECK(read_text_file(path) == "a" + std::string(1000000, 'n') + "z");
  CHECK(names_in(folder.path()) == 1);
}

TEST_CASE("an atomic file that hits a size limit leaves the old one and no trace") {
  const tests::TemporaryFolder folder;
  const auto path = folder / "t";
  write_file_atomically(path, "old");
  std::string message;
  {
    const FileSizeLimit limit(100000);
    message = tests::error_text<MachineError>(
        [&] { write_file_atomically(path, std::string(1000000, 'x')); });
  }
  CHECK_THAT(message, Catch::StartsWith("cannot write '" + path.string() + "': disk full"));
  CHECK(read_text_file(path) == "old");
  CHECK(names_in(folder.path()) == 1);
}

TEST_CASE("a full disk is named so") {
  const tests::TemporaryFolder folder;
  CHECK_THAT(system_error_text(ENOSPC), Catch::StartsWith("disk full"));
  CHECK_THAT(system_error_text(EDQUOT), Catch::StartsWith("disk full"));
  CHECK_THAT(system_error_text(EFBIG), Catch::StartsWith("disk full"));
  CHECK_THAT(system_error_text(EIO), !Catch::Contains("disk full"));
}

TEST_CASE("an atomic file refuses what it could destroy or cannot make") {
  const tests::TemporaryFolder folder;
  CHECK_THROWS_AS(AtomicFile(folder.path()), InputError);
  CHECK_THROWS_AS(AtomicFile(folder / "no" / "such" / "folder"), InputError);
  CHECK_THROWS_AS(AtomicFile(folder.path() / ""), InputError);
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK_THAT(tests::error_text<InputError>([&] { AtomicFile{folder / "pipe"}; }),
             Catch::EndsWith("not a regular file"));
  CHECK(names_in(folder.path()) == 1);
}

TEST_CASE("an atomic file keeps a symbolic link and replaces what it names") {
  const tests::TemporaryFolder folder;
  write_file_atomically(folder / "real", "old");
  fs::create_symlink("real", folder / "link");
  write_file_atomically(folder / "link", "new");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(read_text_file(folder / "real") == "new");
}

TEST_CASE("an atomic file can be written by a bare name") {
  const tests::TemporaryFolder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  write_file_atomically("bare", "x");
  fs::current_path(before);
  CHECK(read_text_file(folder / "bare") == "x");
}

TEST_CASE("a folder appears at commit, and not without it") {
  const tests::TemporaryFolder folder;
  using Existing = FolderTransaction::Existing;
  const auto target = folder / "adapter";
  {
    FolderTransaction transaction(target, Existing::kRefuse);
    write_file_atomically(transaction.path() / "a", "1");
    CHECK_FALSE(fs::exists(target));
  }
  CHECK(names_in(folder.path()) == 0);
  {
    FolderTransaction transaction(target.string() + "/", Existing::kRefuse);
    fs::create_directory(transaction.path() / "sub");
    write_file_atomically(transaction.path() / "sub" / "a", "1");
    transaction.commit();
  }
  CHECK(read_text_file(target / "sub" / "a") == "1");
  CHECK(names_in(folder.path()) == 1);
}

TEST_CASE("an existing folder is replaced only on request") {
  const tests::TemporaryFolder folder;
  using Existing = FolderTransaction::Existing;
  const auto target = folder / "adapter";
  fs::create_directory(target);
  write_file_atomically(target / "old", "1");
  CHECK_THAT(tests::error_text<InputError>([&] { FolderTransaction(target, Existing::kRefuse); }),
             Catch::Contains("File exists; give another --out folder"));
  {
    FolderTransaction transaction(target, Existing::kReplace);
    write_file_atomically(transaction.path() / "new", "2");
    CHECK(fs::exists(target / "old"));
    transaction.commit();
  }
  CHECK_FALSE(fs::exists(target / "old"));
  CHECK(read_text_file(target / "new") == "2");
  CHECK(names_in(folder.path()) == 1);

  // Somebody makes the target while the new folder is being built.
  const auto late = folder / "late";
  {
    FolderTransaction transaction(late, Existing::kRefuse);
    fs::create_directory(late);
    write_file_atomically(late / "theirs", "3");
    CHECK_THROWS_AS(transaction.commit(), InputError);
  }
  CHECK(read_text_file(late / "theirs") == "3");
  CHECK(names_in(folder.path()) == 2);
}

TEST_CASE("a folder is not put in the place of a file, or where there is no parent") {
  const tests::TemporaryFolder folder;
  using Existing = FolderTransaction::Existing;
  write_file_atomically(folder / "file", "x");
  CHECK_THROWS_AS(FolderTransaction(folder / "file", Existing::kReplace), InputError);
  CHECK_THROWS_AS(FolderTransaction(folder / "no" / "parent", Existing::kReplace), InputError);
  CHECK_THROWS_AS(FolderTransaction("/", Existing::kReplace), InputError);
  CHECK_THROWS_AS(FolderTransaction("..", Existing::kReplace), InputError);
  CHECK(read_text_file(folder / "file") == "x");
}

TEST_CASE("what killed writers left is cleared, and an old folder without its new one returns") {
  const tests::TemporaryFolder folder;
  const std::string gone = std::to_string(ended_process());
  write_file_atomically(folder / (".state.rankscope-new-" + gone + "-0"), "half");
  fs::create_directory(folder / (".adapter.rankscope-new-" + gone + "-1"));
  write_file_atomically(folder / (".adapter.rankscope-new-" + gone + "-1") / "a", "half");
  fs::create_directory(folder / (".lost.rankscope-old-" + gone + "-2"));
  write_file_atomically(folder / (".lost.rankscope-old-" + gone + "-2") / "a", "whole");
  fs::create_directory(folder / (".kept.rankscope-old-" + gone + "-3"));
  fs::create_directory(folder / "kept");
  write_file_atomically(folder / ".hidden", "mine");
  write_file_atomically(folder / "plain", "mine");
  CHECK(clear_stale_temporaries(folder.path(), Writers::kOthers) == 4);
  CHECK(read_text_file(folder / "lost" / "a") == "whole");
  CHECK(names_in(folder.path()) == 4);
  CHECK(clear_stale_temporaries(folder.path(), Writers::kOthers) == 0);
  CHECK_THROWS_AS(clear_stale_temporaries(folder / "absent", Writers::kOthers), InputError);
}

TEST_CASE(
    "what another process is writing stays, and what an earlier one of this number left goes") {
  const tests::TemporaryFolder folder;
  const pid_t other = ::fork();
  if (other == 0) {
    ::pause();
    ::_exit(0);
  }
  const std::string living = std::to_string(other), own = std::to_string(::getpid());
  fs::create_directory(folder / (".report.rankscope-new-" + living + "-0"));
  fs::create_directory(folder / (".report.rankscope-old-" + living + "-1"));
  write_file_atomically(folder / (".state.rankscope-new-" + own + "-4000000"), "half");
  write_file_atomically(folder / ".state.rankscope-new-x-0", "half");
  CHECK(clear_stale_temporaries(folder.path(), Writers::kOthers) == 2);
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  CHECK(fs::exists(folder / (".report.rankscope-new-" + living + "-0")));
  CHECK(fs::exists(folder / (".report.rankscope-old-" + living + "-1")));
  CHECK(names_in(folder.path()) == 2);
  // Under a lock they can be nobody's: a number may have come round to another process.
  CHECK(clear_stale_temporaries(folder.path(), Writers::kNone) == 2);
}
