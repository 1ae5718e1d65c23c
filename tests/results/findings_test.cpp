// What readers call the bases of a report.
#include "results/findings.h"

#include <catch2/catch.hpp>

#include "results/store.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

// The names of the bases of sweeps "0", "1", ..., given as path and hash.
std::vector<std::string> names_of(const std::vector<std::pair<std::string, std::string>>& bases) {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    for (std::size_t i = 0; i < bases.size(); ++i)
      store.put_sweep({std::to_string(i), "", bases[i].first, bases[i].second});
  }
  ResultsReader results({folder.path()});
  std::vector<std::string> names;
  for (const auto& [sweep, name] : shown_bases(results)) names.push_back(name);
  return names;
}

}  // namespace

TEST_CASE("a base is called by the last two names of its path, or by as many as tell it apart") {
  using Names = std::vector<std::string>;
  CHECK(names_of({{"/models/embedded/base/", "1"}, {"gpt2", "2"}}) ==
        Names{"embedded/base", "gpt2"});
  CHECK(names_of({{"/a/x/base", "1"}, {"/b/x/base", "2"}, {"/b/y/base", "3"}}) ==
        Names{"a/x/base", "b/x/base", "y/base"});
  CHECK(names_of({{"x/base", "1"}, {"/a/x/base", "2"}, {"/b/a/x/base", "3"}}) ==
        Names{"x/base (1)", "a/x/base (2)", "b/a/x/base"});
}

TEST_CASE("the hash says whether bases are one, wherever they lie") {
  using Names = std::vector<std::string>;
  const std::string first = "11112222" + std::string(56, '0'), second(64, 'f');
  CHECK(names_of({{"/a/x/base", first}, {"/b/x/base", first}}) == Names{"x/base", "x/base"});
  CHECK(names_of({{"/a/x/base", first}, {"/a/x/base", second}}) ==
        Names{"a/x/base (11112222)", "a/x/base (ffffffff)"});
  // Of no hash nothing but the path is known.
  CHECK(names_of({{"x/one", ""}, {"x/two", ""}}) == Names{"x/one", "x/two"});
}
