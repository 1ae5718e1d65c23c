// The reader of a model's config.json: whatever it accepts must be a shape that every later step
// can size without overflow, and whatever it refuses must be refused in one line.
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/error.h"
#include "engine/methods/method.h"
#include "engine/models/config.h"
#include "engine/models/memory_plan.h"
#include "engine/models/rotary_table.h"
#include "tests/fuzz/fuzz_one.h"

namespace rankscope {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// What loaders and methods take for granted.
void check_shape(const ModelShape& shape) {
  const ModelConfig& c = shape.config;
  for (int64_t size :
       {c.width, c.layers, c.heads, c.kv_heads, c.head_dim, c.mlp_width, c.vocabulary, c.context})
    require(size > 0);
  require(c.heads % c.kv_heads == 0);
  require(shape.parameters() > 0);
  for (const TensorSpec& tensor : shape.tensors) require(tensor.size() > 0);
  for (const SiteSpec& site : shape.sites) {
    const TensorSpec* weight = shape.find_tensor(site.weight);
    require(weight != nullptr && weight->shape.size() == 2);
    require(site.in > 0 && site.out > 0 && site.begin >= 0);
    require(site.in == weight->shape[site.stored_transposed ? 1 : 0]);
    require(site.begin + site.out <= weight->shape[site.stored_transposed ? 0 : 1]);
    if (site.site.layer > 0) break;  // the layers are alike
  }
  if (c.rotary) rotary_frequencies(*c.rotary, c.head_dim);
}

void check_methods(const ModelShape& shape) {
  for (const char* name : {"none", "full", "lora", "bitfit"}) {
    Settings settings;
    const std::unique_ptr<Method> method = make_method(name, settings);
    try {
      require(method->trainable_parameters(shape) >= 0);
      require(plan_memory(shape, *method, int64_t{1} << 30).total() > 0);
    } catch (const InputError&) {  // BitFit on a model without biases
    }
  }
}

}  // namespace
}  // namespace rankscope

int fuzz_one(const std::uint8_t* data, std::size_t size) {
  using namespace rankscope;
  try {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const ModelShape shape = parse_model_shape(text, "config.json");
    check_shape(shape);
    check_methods(shape);
  } catch (const InputError& error) {
    require(std::string_view(error.what()).find('\n') == std::string_view::npos);
  }
  return 0;
}
