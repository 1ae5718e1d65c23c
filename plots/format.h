// Numbers and names as people read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results/query.h"

namespace rankscope {

// What stands where there is no number.
inline constexpr std::string_view kNone = "–";

// "37.3 ± 3.7", or "37.3 [33.1, 40.2]" where the interval does not lie evenly about the mean; the
// mean alone where there is no interval, kNone where there is no mean.
std::string with_interval(std::optional<double> mean, std::optional<double> low,
                          std::optional<double> high, int decimals = 1);

// With the sign U+2212.
std::string fixed(double value, int decimals);
std::string fixed(std::optional<double> value, int decimals);
// Three significant digits, "0.021", "38,800", "1.3e-07"; kNone for none.
std::string short_number(std::optional<double> value);
// "10,240".
std::string grouped(std::int64_t value);
std::string grouped(std::optional<std::int64_t> value);
// Of what a setting was trained on: "3,000", or "all" (kAllExamples).
std::string shown_examples(std::optional<std::int64_t> count);
// The same for a CSV: 3000, or "all".
Cell exact_examples(std::optional<std::int64_t> count);
// "37.7 M", as the paper gives parameters.
std::string short_count(double value);
// "3 trials", "1 trial".
std::string counted(std::int64_t count, std::string_view noun);

// Whether settings that this variant tells apart may stand beside the paper's, which states no
// alpha and has nothing else that tells settings apart: no other start, scale or rate.
bool is_plain(const std::string& variant);
// Variants ("alpha 8, lr 0.005") without the parts that all of them have.
std::vector<std::string> without_shared_parts(const std::vector<std::string>& variants);
// And those parts.
std::string shared_parts(const std::vector<std::string>& variants);

// "WikiSQL" for wikisql, "LoRA" for lora, "ROUGE-1" for rouge1; what is not known stays as it is.
std::string task_label(const std::string& task);
std::string method_label(const std::string& method);
std::string metric_label(const std::string& metric);

}  // namespace rankscope
