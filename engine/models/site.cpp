#include "engine/models/site.h"

#include <algorithm>

#include "common/error.h"
#include "common/suggest.h"
#include "common/text.h"

namespace rankscope {
namespace {

constexpr std::array<std::string_view, kSiteKinds> kNames = {"Wq", "Wk", "Wv", "Wo",
                                                             "W1", "W2", "W3"};

}  // namespace

std::string_view site_name(SiteKind kind) { return kNames[static_cast<size_t>(kind)]; }

std::optional<SiteKind> site_kind(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<SiteKind>(found - kNames.begin());
}

std::string Site::name() const {
  return "layers." + std::to_string(layer) + "." + std::string(site_name(kind));
}

SiteSet SiteSet::parse(std::string_view word) {
  std::vector<std::string> known(kNames.begin(), kNames.end());
  known.insert(known.end(), {"attention", "all"});
  SiteSet set;
  size_t begin = 0;
  while (true) {
    const size_t end = std::min(word.find('+', begin), word.size());
    const std::string_view part = word.substr(begin, end - begin);
    SiteSet added;
    if (part == "attention" || part == "all") {
      const int last = static_cast<int>(part == "all" ? SiteKind::W3 : SiteKind::Wo);
      for (int i = 0; i <= last; ++i) added.insert(static_cast<SiteKind>(i));
    } else if (const auto kind = site_kind(part)) {
      added.insert(*kind);
    } else {
      throw InputError("there is no site '" + printable(part) + "'" + did_you_mean(part, known) +
                       "; write names joined by '+', as in Wq+Wv, of Wq, Wk, Wv, Wo, W1, W2, W3, "
                       "attention, all");
    }
    if ((set.bits_ & added.bits_) != 0) {
      throw InputError("'" + printable(part) +
                       "' names a site for the second time; name each once");
    }
    set.bits_ |= added.bits_;
    if (end == word.size()) return set;
    begin = end + 1;
  }
}

std::vector<SiteKind> SiteSet::kinds() const {
  std::vector<SiteKind> kinds;
  for (int i = 0; i < kSiteKinds; ++i) {
    if (contains(static_cast<SiteKind>(i))) kinds.push_back(static_cast<SiteKind>(i));
  }
  return kinds;
}

std::string SiteSet::word() const {
  std::string word;
  for (SiteKind kind : kinds()) {
    if (!word.empty()) word += '+';
    word += site_name(kind);
  }
  return word;
}

}  // namespace rankscope
