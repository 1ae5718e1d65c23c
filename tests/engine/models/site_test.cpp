#include "engine/models/site.h"

#include <catch2/catch.hpp>

#include "common/error.h"
#include "tests/error_text.h"

namespace rankscope {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("A site's name says its layer and kind") {
  CHECK(Site{3, SiteKind::Wq}.name() == "layers.3.Wq");
  CHECK(Site{11, SiteKind::W3}.name() == "layers.11.W3");
  CHECK(site_kind("Wo") == SiteKind::Wo);
  CHECK_FALSE(site_kind("wo").has_value());
}

TEST_CASE("Sites are ordered by layer, then kind") {
  CHECK(Site{0, SiteKind::W3} < Site{1, SiteKind::Wq});
  CHECK(Site{1, SiteKind::Wq} < Site{1, SiteKind::Wk});
}

TEST_CASE("A set of sites is one word, written back in canonical order") {
  CHECK(SiteSet::parse("Wv+Wq").word() == "Wq+Wv");
  CHECK(SiteSet::parse("attention").word() == "Wq+Wk+Wv+Wo");
  CHECK(SiteSet::parse("attention+W2").word() == "Wq+Wk+Wv+Wo+W2");
  CHECK(SiteSet::parse("all").word() == "Wq+Wk+Wv+Wo+W1+W2+W3");
  CHECK(SiteSet::parse("W1").kinds() == std::vector{SiteKind::W1});
  CHECK(SiteSet::parse("W1").contains(SiteKind::W1));
  CHECK_FALSE(SiteSet::parse("W1").contains(SiteKind::W2));
}

TEST_CASE("A wrong word for a set of sites is refused with what is wrong") {
  const auto refusal = [](const char* word) {
    return tests::error_text<InputError>([&] { SiteSet::parse(word); });
  };
  CHECK_THAT(refusal("Wq+Wx"), Contains("no site 'Wx'"));
  CHECK_THAT(refusal("wq"), Contains("did you mean 'Wq'"));
  CHECK_THAT(refusal(""), Contains("no site ''"));
  CHECK_THAT(refusal("Wq+"), Contains("no site ''"));
  CHECK_THAT(refusal("Wq+Wq"), Contains("second time"));
  CHECK_THAT(refusal("attention+Wo"), Contains("second time"));
}

}  // namespace
}  // namespace rankscope
