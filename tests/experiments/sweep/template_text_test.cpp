// Templates as configurations store them.
#include "experiments/sweep/template_text.h"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace rankscope;

TEST_CASE("a template's assignments are read back from their text, whatever lines values have") {
  const std::vector<std::vector<std::string>> all = {
      {},
      {"verbalisers=yes,maybe,no"},
      {"prompt=Q: {prompt}\nA:", "target={target}"},
      // Lines that look like the next assignment, with backslashes of their own too.
      {"prompt=a\ntarget=b\n\\target=c\n\\\\prompt=\n\n", "target=\\{target}\n"}};
  for (std::vector<std::string> assignments : all) {
    const std::string text = template_text(assignments);
    INFO(text);
    std::ranges::sort(assignments);
    CHECK(template_assignments(text) == assignments);
  }
  CHECK(template_text({"target=t", "prompt=a\ntarget=b"}) == "prompt=a\n\\target=b\ntarget=t");
}
