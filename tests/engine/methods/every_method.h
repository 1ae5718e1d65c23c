// One configuration of each method, for tests that hold for all of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/methods/method.h"

namespace rankscope::tests {

struct MethodSettings {
  std::string method;
  std::vector<std::string> settings;
  std::unique_ptr<Method> make() const;
};

// Every name of method_names() but none, and combinations. GPT-2 and LLaMA have what each needs,
// but for the biases of bitfit.
const std::vector<MethodSettings>& every_method();

// Gives all that is trained values that no start has, so that every path carries something.
void disturb(Model& model, Adaptation& adaptation);

}  // namespace rankscope::tests
