// Special tokens at the beginning of sequences: computed once for a batch, with the results of
// computing them in every sequence.
#include <catch2/catch.hpp>
#include <cmath>

#include "engine/training/trainer.h"
#include "tests/engine/decoding/decoding_case.h"
#include "tests/engine/goldens/golden_case.h"
#include "tests/engine/methods/every_method.h"

namespace rankscope::tests {
namespace {

using Numbers = std::vector<int32_t>;

Batch pack(const std::vector<TokenExample>& examples, SharedRows shared) {
  std::vector<const TokenExample*> all;
  for (const TokenExample& e : examples) all.push_back(&e);
  return pack_batch(all, std::vector<uint64_t>(all.size(), 0), shared);
}

TEST_CASE("a prefix is computed in the first sequence of a batch and read by the others") {
  const std::vector<TokenExample> examples = {{{5, 6}, {7}}, {{8}, {9, 10}}};
  const Batch batch = pack(with_special_tokens({2, 1}, examples), SharedRows::kSpecial);
  CHECK(*batch.tokens == Numbers{0, 0, 5, 6, 0, 7, /**/ 8, 0, 9, 10});
  CHECK(*batch.positions == Numbers{0, 1, 2, 3, 4, 5, /**/ 2, 3, 4, 5});
  CHECK(*batch.key_rows == Numbers{0, 1, 2, 3, 4, 5, /**/ 0, 1, 6, 7, 8, 9});
  CHECK(batch.special->rows == Numbers{0, 1, 4, 7});
  CHECK(batch.special->ids == Numbers{0, 1, 2, 2});
  CHECK(*batch.loss_rows == Numbers{4, 7, 8});
  CHECK(batch.loss_labels == Numbers{7, 9, 10});
  CHECK(batch.full_layout->key_begin == std::vector<int64_t>{0, 6, 12});
  CHECK(batch.full_layout->query_begin == std::vector<int64_t>{0, 6, 10});
  CHECK(batch.loss_layout->query_positions == Numbers{4, 3, 4});

  const Batch own = pack(with_special_tokens({2, 1}, examples), SharedRows::kNone);
  CHECK(own.rows() == 12);
  CHECK(own.key_rows == nullptr);
}

TEST_CASE("what a sequence begins with as the one before it does is computed once") {
  const std::vector<TokenExample> examples = {
      {{5, 6, 7}, {1}}, {{5, 6, 8, 9}, {2}}, {{5, 6, 8, 9}, {3, 4}}, {{5}, {6}}};
  const Batch batch = pack(with_special_tokens({1, 0}, examples), SharedRows::kAny);
  CHECK(*batch.tokens == Numbers{0, 5, 6, 7, 1, /**/ 8, 9, 2, /**/ 9, 3, 4, /**/ 5, 6});
  CHECK(*batch.positions == Numbers{0, 1, 2, 3, 4, /**/ 3, 4, 5, /**/ 4, 5, 6, /**/ 1, 2});
  CHECK(*batch.key_rows == Numbers{0,      1,  2,      3, 4, /**/ 0, 1, 2, 5,
                                   6,      7,  /**/ 0, 1, 2, 5,      8, 9, 10,
                                   /**/ 0, 11, 12});
  CHECK(*batch.loss_rows == Numbers{3, 6, 8, 9, 11});
  CHECK(batch.special->rows == Numbers{0});
  CHECK(batch.full_layout->key_begin == std::vector<int64_t>{0, 5, 11, 18, 21});
  const Batch keys = pack(with_special_tokens({2, 0, true}, examples), SharedRows::kAny);
  CHECK(*keys.tokens == Numbers{5, 6, 7, 1, /**/ 8, 9, 2, /**/ 9, 3, 4, /**/ 5, 6});
  CHECK(keys.special->rows == Numbers{0, 1, 6, 7, 13, 14, 21, 22});
  CHECK((*keys.key_rows)[8] == 0);
  CHECK((*keys.key_rows)[9] == 1);
}

TEST_CASE("a prefix of keys alone has no rows") {
  const std::vector<TokenExample> examples = {{{5}, {7}}, {{8}, {9}}};
  for (const SharedRows shared : {SharedRows::kSpecial, SharedRows::kNone}) {
    const Batch batch = pack(with_special_tokens({2, 0, true}, examples), shared);
    CHECK(*batch.tokens == Numbers{5, 7, 8, 9});
    CHECK(*batch.positions == Numbers{2, 3, 2, 3});
    CHECK(batch.special->rows == Numbers{0, 1, 4, 5});
    CHECK(batch.special->ids == Numbers{0, 1, 0, 1});
    REQUIRE(batch.key_rows->size() == 8);
    CHECK((*batch.key_rows)[2] == 0);
    CHECK((*batch.key_rows)[7] == 3);
    CHECK(batch.full_layout->key_begin == std::vector<int64_t>{0, 4, 8});
  }
}

TEST_CASE("a row that predicts is always its sequence's own, and no row predicts without one") {
  const std::vector<TokenExample> examples = {{{}, {3, 4}}, {{}, {5}}, {{6}, {7}}};
  const std::vector<TokenExample> shared = with_special_tokens({2, 0}, examples);
  const Batch batch = pack(shared, SharedRows::kSpecial);
  CHECK(*batch.tokens == Numbers{0, 0, 3, 4, /**/ 0, 5, /**/ 6, 7});
  CHECK(*batch.loss_rows == Numbers{1, 2, 4, 6});
  const std::vector<TokenExample> alone = with_special_tokens({2, 0, true}, examples);
  const Batch without = pack(alone, SharedRows::kSpecial);
  CHECK(without.loss_labels == Numbers{4, 7});
  for (const auto& [all, packed] :
       {std::pair{&shared, &batch}, {&alone, &without}, {&examples, nullptr}}) {
    const Batch plain = packed ? *packed : pack(*all, SharedRows::kSpecial);
    for (size_t s = 0; s < all->size(); ++s)
      CHECK((*all)[s].predicted() == plain.loss_begin[s + 1] - plain.loss_begin[s]);
  }
}

TEST_CASE("groups count a prefix once, and its keys as quarters") {
  const std::vector<TokenExample> all =
      with_special_tokens({8, 0}, std::vector<TokenExample>(5, TokenExample{{1, 2}, {3}}));
  std::vector<const TokenExample*> pointers;
  for (const TokenExample& e : all) pointers.push_back(&e);
  // 11 tokens of the first, and 3 and 2 of each other.
  CHECK(split_by_tokens(pointers, 21) == std::vector<size_t>{0, 3, 5});
  CHECK(split_by_tokens(pointers, 20) == std::vector<size_t>{0, 2, 4, 5});
  CHECK(split_by_tokens(pointers, 22, SharedRows::kNone) == std::vector<size_t>{0, 2, 4, 5});
}

TEST_CASE("rows computed once yield the bits of those in every sequence, and their gradients") {
  for (const char* name : {"gpt2_tied", "llama_gqa"}) {
    for (const MethodSettings& about : every_method()) {
      if (about.method == "bitfit" && std::string(name) == "llama_gqa") continue;
      INFO(name << " " << about.method);
      const GoldenCase golden(name);
      const auto backend = make_cpu_backend(2);
      const auto model = golden.load(*backend);
      const auto adaptation = about.make()->adapt(*model, 3);
      disturb(*model, *adaptation);
      const std::vector<TokenExample> examples = with_special_tokens(
          adaptation->special_tokens(), examples_that_begin_alike(golden, model->config()));
      std::vector<std::vector<float>> hidden, gradients;
      for (const SharedRows shared : {SharedRows::kNone, SharedRows::kSpecial, SharedRows::kAny}) {
        const Batch batch = pack(examples, shared);
        Tape tape(*backend, true);
        const Var h = model->forward({tape, batch, adaptation.get(), std::nullopt, 0.0});
        hidden.push_back(backend->to_host(h.value.view()));
        cross_entropy(tape, h, model->head(), batch.loss_labels, {});
        tape.run_backward();
        std::vector<float>& all = gradients.emplace_back();
        for (const TrainedParameter& p : adaptation->trained()) {
          const std::vector<float> one = backend->to_host(p.parameter->gradient.view());
          all.insert(all.end(), one.begin(), one.end());
          backend->fill_zero(p.parameter->gradient.matrix());
        }
      }
      CHECK(hidden[0] == hidden[1]);
      CHECK(hidden[0] == hidden[2]);
      for (const size_t once : {1, 2}) {
        double difference = 0, size = 0;
        for (size_t i = 0; i < gradients[0].size(); ++i) {
          difference += std::pow(double{gradients[0][i]} - gradients[once][i], 2);
          size += std::pow(double{gradients[0][i]}, 2);
        }
        CHECK(std::sqrt(difference) < 1e-5 * std::sqrt(size));
        CHECK(size > 0);
      }
    }
  }
}

TEST_CASE("where dropout is drawn each sequence has a prefix of its own") {
  const GoldenCase golden("gpt2_tied");
  const auto backend = make_cpu_backend(1);
  const auto flops = [&](const std::vector<std::string>& settings, bool base_dropout) {
    const auto model = golden.load(*backend);
    const auto method = MethodSettings{"lora+prefix_embed", settings}.make();
    const auto adaptation = method->adapt(*model, 3);
    TrainSettings training;
    training.steps = 1;
    training.batch = 6;
    training.base_dropout = base_dropout;
    const std::vector<TokenExample> examples =
        more_examples(golden, model->config(), {1, 3, 9, 14, 2, 7}, "examples");
    return Trainer(*model, *adaptation, examples, training).step().useful_flops;
  };
  const double once = flops({"prefix=9"}, false);
  CHECK(flops({"prefix=9", "dropout=0.1"}, false) > 1.3 * once);
  CHECK(flops({"prefix=9"}, true) > 1.3 * once);
}

}  // namespace
}  // namespace rankscope::tests
