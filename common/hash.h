// SHA-256 (FIPS 180-4), by OpenSSL.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace rankscope {

using Sha256Digest = std::array<std::uint8_t, 32>;

// An incremental hash. digest() and hex() may be called once, at the end.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(std::string_view bytes);
  Sha256& update(std::span<const std::byte> bytes);
  // Eight bytes, the lowest first, on every machine.
  Sha256& update_u64(std::uint64_t value);
  // The length (as update_u64) and then the text, so that ("ab","c") and ("a","bc") differ.
  Sha256& update_field(std::string_view text);

  Sha256Digest digest();
  std::string hex();  // 64 lower-case digits

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string sha256_hex(std::string_view bytes);
std::string sha256_hex(std::span<const std::byte> bytes);
// Of a file's bytes, read in pieces.
std::string sha256_file(const std::filesystem::path& path);

}  // namespace rankscope
