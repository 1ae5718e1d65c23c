// KEY=VALUE from the command line, put into the tree of a YAML file.
#pragma once

#include <string>

#include "experiments/yaml/yaml_text.h"

namespace rankscope {

// KEY is a path of keys joined by dots, a number counting the items of a list from 0; what is
// missing of the path is made. VALUE that begins with a bracket or a quote is YAML, any other the
// plain text of one scalar. A whole value takes the place of the one before. Throws InputError that
// quotes the override.
void apply_override(YamlNode& root, const std::string& assignment);

}  // namespace rankscope
