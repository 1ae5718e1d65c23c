#include "common/error.h"
#include "common/suggest.h"
#include "common/text.h"
#include "engine/methods/registry.h"

namespace rankscope {
namespace {

struct MethodEntry {
  std::string_view name;
  std::unique_ptr<Method> (*make)(Settings& settings);
};

constexpr MethodEntry kMethods[] = {
    {"none", make_none},
    {"full", make_full},
    {"lora", make_lora},
    {"bitfit", make_bitfit},
};

}  // namespace

std::unique_ptr<Method> make_method(const std::string& name, Settings& settings) {
  std::vector<std::string> names;
  std::string list;
  for (const MethodEntry& entry : kMethods) {
    if (entry.name == name) return entry.make(settings);
    names.emplace_back(entry.name);
    list += (list.empty() ? "" : ", ") + names.back();
  }
  throw InputError("there is no method '" + printable(name) + "'" + did_you_mean(name, names) +
                   "; there are " + list);
}

std::vector<std::string_view> method_names() {
  std::vector<std::string_view> names;
  for (const MethodEntry& entry : kMethods) names.push_back(entry.name);
  return names;
}

}  // namespace rankscope
