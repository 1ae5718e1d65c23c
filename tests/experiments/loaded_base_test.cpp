#include "experiments/loaded_base.h"

#include <catch2/catch.hpp>

#include "engine/methods/method.h"

using namespace rankscope;

TEST_CASE("a base is read once, and each piece of work finds it as its checkpoint has it") {
  const std::filesystem::path folder = RANKSCOPE_SOURCE_DIR "/datasets/embedded/base";
  LoadedBase base;
  Model* model = &base.model(folder, {.threads = 1});
  const std::string hash = model->weights_hash();
  {
    Settings none;
    const auto full = make_method("full", none)->adapt(*model, 1);
    for (const TrainedParameter& trained : full->trained())
      trained.parameter->value.values()[0] += 1.0f;
    full->refresh(*model);
  }
  CHECK(model->weights_hash() != hash);
  CHECK(model->parameters().front()->trainable());

  CHECK(&base.model(folder, {.threads = 1}) == model);
  CHECK(model->weights_hash() == hash);
  CHECK_FALSE(model->parameters().front()->trainable());

  Model& other = base.model(folder, {.threads = 2});
  CHECK(other.backend().threads() == 2);
  CHECK(other.weights_hash() == hash);
  base.drop();
  CHECK(base.model(folder, {.threads = 2}).weights_hash() == hash);
}
