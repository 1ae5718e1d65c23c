// The one list of what may be written in a sweep file; SWEEP_FILE.md documents it, and a test holds
// the two together.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/training_settings.h"

namespace rankscope {

// The sections: "sweep" (the file's own keys), "task", "train", "score", "tune", "template",
// "tuning", "analysis", "latency", "training" and "group". Method and training settings come from
// the methods and from TrainSettings themselves: "training" and "group" hold them too.
std::vector<std::string> sweep_keys(std::string_view section);

// The settings of a method, with their defaults. InputError for an unknown method.
const std::map<std::string, std::string>& method_settings(const std::string& method);

// Whether a method's setting is `name`, or joined methods' METHOD_`name`: "prefix_embed_init" is
// "init", and adalora's "t_init" is not.
bool is_setting(const std::string& key, const std::string& name);

// Keys of which one configuration holds at most one: `key` itself and those it excludes.
std::span<const std::string_view> exclusive_with(std::string_view key);

}  // namespace rankscope
