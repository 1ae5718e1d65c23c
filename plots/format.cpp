#include "plots/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "results/cells.h"
#include "results/findings.h"

namespace rankscope {

namespace {

std::string with_minus(std::string text) {
  if (text.starts_with('-')) text.replace(0, 1, "−");
  return text;
}

std::string label(const std::map<std::string, std::string>& labels, const std::string& name) {
  const auto found = labels.find(name);
  return found == labels.end() ? name : found->second;
}

}  // namespace

std::string fixed(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  // A rounded −0 is 0.
  if (text.find_first_not_of("-0.") == std::string::npos)
    text = fmt::format("{:.{}f}", 0.0, decimals);
  return with_minus(std::move(text));
}

std::string fixed(std::optional<double> value, int decimals) {
  return value ? fixed(*value, decimals) : std::string(kNone);
}

std::string with_interval(std::optional<double> mean, std::optional<double> low,
                          std::optional<double> high, int decimals) {
  if (!mean) return std::string(kNone);
  const std::string shown = fixed(*mean, decimals);
  if (!low || !high) return shown;
  const double above = *high - *mean, below = *mean - *low;
  if (std::abs(above - below) < 0.5 * std::pow(10.0, -decimals))
    return shown + " ± " + fixed(std::max(above, below), decimals);
  return fmt::format("{} [{}, {}]", shown, fixed(*low, decimals), fixed(*high, decimals));
}

std::string short_number(std::optional<double> value) {
  if (!value) return std::string(kNone);
  const double size = std::abs(*value);
  if (size >= 1e7 || (size < 1e-3 && size > 0)) return with_minus(fmt::format("{:.1e}", *value));
  if (size >= 1000) return grouped(static_cast<std::int64_t>(std::llround(*value)));
  const int decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return fixed(*value, decimals);
}

std::string grouped(std::int64_t value) {
  std::string digits = fmt::format("{}", value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, 1, ',');
  return with_minus(std::move(digits));
}

std::string grouped(std::optional<std::int64_t> value) {
  return value ? grouped(*value) : std::string(kNone);
}

std::string shown_examples(std::optional<std::int64_t> count) {
  return count == kAllExamples ? "all" : grouped(count);
}

Cell exact_examples(std::optional<std::int64_t> count) {
  return count == kAllExamples ? Cell("all") : cell_of(count);
}

std::string short_count(double value) {
  if (value >= 1e9) return grouped(static_cast<std::int64_t>(std::llround(value / 1e6))) + " M";
  if (value >= 1e5) return fmt::format("{:.1f} M", value / 1e6);
  return grouped(static_cast<std::int64_t>(std::llround(value)));
}

std::string counted(std::int64_t count, std::string_view noun) {
  return grouped(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

namespace {

struct Parts {
  std::vector<std::vector<std::string>> of_each;
  std::map<std::string, std::size_t> uses;
};

Parts parts_of(const std::vector<std::string>& variants) {
  constexpr std::string_view kBetween = ", ";
  Parts parts;
  for (const std::string& variant : variants) {
    std::vector<std::string>& own = parts.of_each.emplace_back();
    for (std::size_t begin = 0; begin < variant.size();) {
      const std::size_t end = std::min(variant.find(kBetween, begin), variant.size());
      own.push_back(variant.substr(begin, end - begin));
      ++parts.uses[own.back()];
      begin = end + kBetween.size();
    }
  }
  return parts;
}

std::string joined(const std::vector<std::string>& parts,
                   const std::function<bool(const std::string&)>& wanted) {
  std::string text;
  for (const std::string& part : parts)
    if (wanted(part)) text += (text.empty() ? "" : ", ") + part;
  return text;
}

}  // namespace

bool is_plain(const std::string& variant) {
  constexpr std::string_view kAlpha = "alpha ", kBetween = ", ";
  for (std::size_t at = 0; at < variant.size();) {
    if (variant.compare(at, kAlpha.size(), kAlpha) != 0) return false;
    const std::size_t end = variant.find(kBetween, at);
    at = end == std::string::npos ? end : end + kBetween.size();
  }
  return true;
}

std::vector<std::string> without_shared_parts(const std::vector<std::string>& variants) {
  const Parts parts = parts_of(variants);
  std::vector<std::string> told;
  for (const std::vector<std::string>& own : parts.of_each)
    told.push_back(joined(
        own, [&](const std::string& part) { return parts.uses.at(part) < variants.size(); }));
  return told;
}

std::string shared_parts(const std::vector<std::string>& variants) {
  const Parts parts = parts_of(variants);
  if (variants.empty()) return {};
  return joined(parts.of_each.front(),
                [&](const std::string& part) { return parts.uses.at(part) == variants.size(); });
}

std::string task_label(const std::string& task) {
  static const std::map<std::string, std::string> labels{
      {"wikisql", "WikiSQL"}, {"mnli", "MNLI"}, {"samsum", "SAMSum"}};
  return label(labels, task);
}

std::string method_label(const std::string& method) {
  static const std::map<std::string, std::string> labels{{"lora", "LoRA"},
                                                         {"full", "full fine-tuning"},
                                                         {"bitfit", "BitFit"},
                                                         {"none", "untrained base"},
                                                         {"prefix_embed", "PrefixEmbed"},
                                                         {"prefix_layer", "PrefixLayer"},
                                                         {"adapter_h", "Adapter(H)"},
                                                         {"adapter_l", "Adapter(L)"},
                                                         {"adapter_p", "Adapter(P)"},
                                                         {"adapter_d", "Adapter(D)"},
                                                         {"lora+prefix_embed", "LoRA+PrefixEmbed"},
                                                         {"lora+prefix_layer", "LoRA+PrefixLayer"},
                                                         {"prefix_kv", "PrefixKV"},
                                                         {"ft_top2", "FT-Top2"},
                                                         {"dora", "DoRA"},
                                                         {"adalora", "AdaLoRA"},
                                                         {"few_shot", "few-shot"}};
  return label(labels, method);
}

std::string metric_label(const std::string& metric) {
  static const std::map<std::string, std::string> labels{{"logical_form", "logical form"},
                                                         {"accuracy", "accuracy"},
                                                         {"execution", "execution"},
                                                         {"exact", "exact match"},
                                                         {"rouge1", "ROUGE-1"},
                                                         {"rouge2", "ROUGE-2"},
                                                         {"rougeL", "ROUGE-L"},
                                                         {"rougeLsum", "ROUGE-Lsum"}};
  return label(labels, metric);
}

}  // namespace rankscope
