#include "common/hash.h"

#include <openssl/evp.h>

#include <algorithm>

#include "common/error.h"
#include "common/files.h"

namespace rankscope {

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) {
    throw MachineError("SHA-256 could not be started: is OpenSSL's default provider installed?");
  }
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(std::string_view bytes) {
  return update(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

Sha256& Sha256::update(std::span<const std::byte> bytes) {
  if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) {
    throw MachineError("SHA-256 failed inside OpenSSL");
  }
  return *this;
}

Sha256& Sha256::update_u64(std::uint64_t value) {
  std::array<std::byte, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>((value >> (8 * i)) & 0xff);
  }
  return update(bytes);
}

Sha256& Sha256::update_field(std::string_view text) { return update_u64(text.size()).update(text); }

Sha256Digest Sha256::digest() {
  Sha256Digest result{};
  if (EVP_DigestFinal_ex(context_.get(), result.data(), nullptr) != 1) {
    throw MachineError("SHA-256 failed inside OpenSSL");
  }
  return result;
}

std::string Sha256::hex() {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest()) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) { return Sha256().update(bytes).hex(); }
std::string sha256_hex(std::span<const std::byte> bytes) { return Sha256().update(bytes).hex(); }

std::string sha256_file(const std::filesystem::path& path) {
  constexpr std::uint64_t kPiece = std::uint64_t{16} << 20;
  const MappedFile file(path);
  Sha256 hash;
  for (std::uint64_t offset = 0; offset < file.size(); offset += kPiece) {
    const std::uint64_t length = std::min(kPiece, file.size() - offset);
    hash.update(file.bytes().subspan(offset, length));
    file.drop_pages(offset, length);
  }
  return hash.hex();
}

}  // namespace rankscope
