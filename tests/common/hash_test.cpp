#include <catch2/catch.hpp>

#include "common/error.h"
#include "common/files.h"
#include "common/hash.h"
#include "tests/temporary_folder.h"

using namespace rankscope;

// FIPS 180-4 examples, by NIST.
TEST_CASE("SHA-256 gives the published digests") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_hex(std::string(1000000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("a hash in pieces equals the hash of the whole") {
  CHECK(Sha256().update("ab").update("").update("c").hex() == sha256_hex("abc"));
  CHECK(Sha256().update_u64(0x0807060504030201).hex() ==
        sha256_hex("\x01\x02\x03\x04\x05\x06\x07\x08"));
  CHECK(Sha256().update_field("ab").update_field("c").hex() !=
        Sha256().update_field("a").update_field("bc").hex());
}

TEST_CASE("a file's hash is that of its bytes, also over several pieces") {
  const tests::TemporaryFolder folder;
  std::string bytes(std::size_t{33} << 20, 'x');
  bytes[20000000] = 'y';
  write_file_atomically(folder / "large", bytes);
  CHECK(sha256_file(folder / "large") == sha256_hex(bytes));
  write_file_atomically(folder / "empty", "");
  CHECK(sha256_file(folder / "empty") == sha256_hex(""));
  CHECK_THROWS_AS(sha256_file(folder / "missing"), InputError);
}
