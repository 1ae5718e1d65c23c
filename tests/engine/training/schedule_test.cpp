#include <catch2/catch.hpp>

#include "common/json.h"
#include "engine/training/schedule.h"

namespace rankscope {
namespace {

TEST_CASE("schedules equal transformers' step for step", "[training]") {
  const Json file =
      read_json_file(std::string(RANKSCOPE_SOURCE_DIR) + "/tests/reference/goldens/schedules.json");
  const int64_t steps = file.at("total_steps");
  const std::map<std::string, Schedule> names{{"linear", Schedule::kLinear},
                                              {"cosine", Schedule::kCosine},
                                              {"constant_with_warmup", Schedule::kConstant}};
  int compared = 0;
  for (const auto& [name, by_warmup] : file.at("multipliers_by_warmup_steps").items())
    for (const auto& [warmup, factors] : by_warmup.items())
      for (size_t i = 0; i < factors.size(); ++i, ++compared) {
        INFO(name << " warmup " << warmup << " step " << i);
        CHECK(schedule_factor(names.at(name), static_cast<int64_t>(i), steps, std::stoll(warmup)) ==
              Approx(factors[i].get<double>()).margin(1e-12));
      }
  CHECK(compared == 3 * 2 * steps);
}

}  // namespace
}  // namespace rankscope
