// Site: a named place where a weight matrix meets activations. Every model family names its sites
// the same way, so that a method written once works on all.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rankscope {

// Attention's query, key, value and output projections; the MLP's up (W1) and down (W2)
// projections; W3 is the gate of a gated MLP (W2(silu(x W3) * (x W1))).
enum class SiteKind : int { Wq, Wk, Wv, Wo, W1, W2, W3 };
inline constexpr int kSiteKinds = 7;
std::string_view site_name(SiteKind kind);
// The kind of that exact name; none where there is none.
std::optional<SiteKind> site_kind(std::string_view name);

struct Site {
  int layer = 0;  // from 0
  SiteKind kind = SiteKind::Wq;
  auto operator<=>(const Site&) const = default;
  std::string name() const;  // "layers.3.Wq"
};

// A set of kinds, written as one word: "Wq+Wv". "attention" = Wq+Wk+Wv+Wo, "all" adds the MLP's.
class SiteSet {
 public:
  // Throws InputError naming the unknown word and the nearest known one; repeats are refused.
  static SiteSet parse(std::string_view word);
  bool contains(SiteKind kind) const { return bits_ >> static_cast<int>(kind) & 1; }
  void insert(SiteKind kind) { bits_ |= 1u << static_cast<int>(kind); }
  bool empty() const { return bits_ == 0; }
  std::vector<SiteKind> kinds() const;
  std::string word() const;  // canonical order

 private:
  uint32_t bits_ = 0;
};

}  // namespace rankscope
