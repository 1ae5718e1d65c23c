// The rank that follows from a budget of parameters.
#include <catch2/catch.hpp>

#include "experiments/sweep/rank_budget.h"
#include "tests/experiments/sweep/sweep_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

TEST_CASE("the paper's Table 5: 18M in GPT-3 is rank 8, 4 or 2") {
  const SweepFolder folder;
  const Sweep sweep = folder.read(R"(
base: model
tasks: {wikisql: {data: data}}
method: lora
steps: 1
parameters: 18M
grid: {targets: [Wq, Wk, Wv, Wo, Wq+Wk, Wq+Wv, attention], lr: [1e-3, 1e-4]}
)",
                                  {}, gpt2_shape(96, 12288, 96));
  CHECK(values_of(sweep, "rank") == "8 8 8 8 8 8 8 8 4 4 4 4 2 2");
  REQUIRE(sweep.notes.size() == 7);  // one a target set, not one a trial
  CHECK(sweep.notes[0] ==
        "group 'lora': Wq: budget of 18,000,000 parameters: rank 8 has 18,874,368 (+4.9 %)");
  CHECK(sweep.notes[6] ==
        "group 'lora': attention: budget of 18,000,000 parameters: rank 2 has 18,874,368 (+4.9 %)");
}

TEST_CASE("matrices that are not square count as they are") {
  // Wq 64 -> 64, Wk and Wv 64 -> 16, in 2 layers: 256, 160 and 160 parameters a rank.
  const ModelShape shape = parse_model_shape(
      R"({"model_type":"llama","hidden_size":64,"num_hidden_layers":2,"num_attention_heads":8,
          "num_key_value_heads":2,"intermediate_size":128,"vocab_size":50,
          "max_position_embeddings":64,"rms_norm_eps":1e-5})",
      "config.json");
  const auto rank = [&](std::int64_t budget, const std::string& targets) {
    const BudgetedRank got = rank_for_budget(budget, "lora", {{"targets", targets}}, shape);
    return std::pair(got.rank, got.parameters);
  };
  CHECK(rank(1280, "Wq") == std::pair<std::int64_t, std::int64_t>(5, 1280));
  CHECK(rank(1280, "Wk") == std::pair<std::int64_t, std::int64_t>(8, 1280));
  CHECK(rank(1280, "Wq+Wv") == std::pair<std::int64_t, std::int64_t>(3, 1248));
  CHECK(rank(1456, "Wq+Wv") == std::pair<std::int64_t, std::int64_t>(3, 1248));  // a tie: lower
  CHECK(rank(1457, "Wq+Wv") == std::pair<std::int64_t, std::int64_t>(4, 1664));
  CHECK(rank(208, "Wq+Wv") == std::pair<std::int64_t, std::int64_t>(1, 416));
  CHECK_THAT(error_text<InputError>([&] { rank(207, "Wq+Wv"); }),
             Catch::Equals("a budget of 207 parameters is too small: rank 1 has 416"));
  CHECK(budget_note(1280, {5, 1280}).empty());
  CHECK(budget_note(1280, {3, 1248}) == "budget of 1,280 parameters: rank 3 has 1,248 (-2.5 %)");
  CHECK_THAT(error_text<InputError>([&] { rank(1'000'000'000, "Wk"); }),
             Catch::Equals("a budget of 1,000,000,000 parameters is too large: rank 65,536 has "
                           "10,485,760"));
  // Fewer layers, a higher rank.
  CHECK(rank_for_budget(1280, "lora", {{"targets", "Wk"}, {"layers", "1"}}, shape).rank == 16);
}

TEST_CASE("a budget counts what AdaLoRA begins with") {
  // Wq 64 -> 64 in 2 layers: 258 parameters a triple, of which rank r begins with 3 r / 2, rounded
  // up.
  const ModelShape shape = parse_model_shape(
      R"({"model_type":"llama","hidden_size":64,"num_hidden_layers":2,"num_attention_heads":8,
          "intermediate_size":128,"vocab_size":50,"max_position_embeddings":64,
          "rms_norm_eps":1e-5})",
      "config.json");
  const auto rank = [&](std::int64_t budget, const std::string& init_rank) {
    const BudgetedRank got =
        rank_for_budget(budget, "adalora", {{"targets", "Wq"}, {"init_rank", init_rank}}, shape);
    return std::pair(got.rank, got.parameters);
  };
  CHECK(rank(258 * 12, "0") == std::pair<std::int64_t, std::int64_t>(8, 258 * 12));
  CHECK(rank(258 * 13, "0") == std::pair<std::int64_t, std::int64_t>(8, 258 * 12));  // 12 or 14
  for (const auto& [init_rank, count] : {std::pair{"12", "3,096"}, {"1", "258"}})
    CHECK_THAT(
        error_text<InputError>([&] { rank(258 * 12, init_rank); }),
        Catch::Contains("no rank follows from a budget: rank 2 has no more than rank 1's ") &&
            Catch::Contains(count));
}

TEST_CASE("budgets are refused where no rank follows from them") {
  const SweepFolder folder;
  const std::string head = "base: m\ntasks: {own: {data: data}}\nsteps: 1\n";
  CHECK(folder.refusal(head + "method: full\nparameters: 18M\n") ==
        "s.yaml:5: 'parameters': method full has no rank that could follow from a budget");
  CHECK(folder.refusal(head + "method: lora\nparameters: 10\n") ==
        "s.yaml:5: 'parameters': a budget of 10 parameters is too small: rank 1 has 64");
  CHECK(folder.refusal(head + "method: lora\nparameters: 1k\nrank: 4\n") ==
        "s.yaml:6: 'rank': excludes 'parameters', which is given beside it; give one");
  CHECK(folder.refusal(head + "method: lora\nparameters: 1k\nranks: Wq:4\n") ==
        "s.yaml:5: 'parameters': excludes 'ranks', which is given beside it");
  // PiSSA takes no rank above the number of singular values.
  const std::string pissa = head + "method: lora\ninit: pissa\nparameters: ";
  CHECK(values_of(folder.read(pissa + "300\n"), "rank") == "5");
  CHECK(folder.refusal(pissa + "600\n") ==
        "s.yaml:6: 'parameters': a budget of 600 parameters is too large: rank 8 has 512");
  for (const char* amount : {"18m", "18 M", "-1", "0", "\"18M\"", "1e99B", "M", "0x10"}) {
    CHECK_THAT(folder.refusal(head + "method: lora\nparameters: " + amount + "\n"),
               Catch::StartsWith("s.yaml:5: 'parameters': must be a number of parameters"));
  }
  CHECK(with_commas(0) == "0");
  CHECK(with_commas(999) == "999");
  CHECK(with_commas(1000) == "1,000");
  CHECK(with_commas(1234567) == "1,234,567");
}
