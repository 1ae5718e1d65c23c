#include "experiments/analysis/checkpoint_update.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "common/error.h"
#include "common/files.h"
#include "common/text.h"
#include "engine/checkpoint/peft_adapter.h"
#include "experiments/analysis/site_amplification.h"

namespace rankscope {

namespace {

std::vector<float> identity_matrix(std::int64_t size) {
  std::vector<float> values(static_cast<std::size_t>(size * size));
  for (std::int64_t i = 0; i < size; ++i) values[static_cast<std::size_t>(i * size + i)] = 1;
  return values;
}

}  // namespace

bool is_checkpoint(const std::filesystem::path& folder) {
  return is_there(folder / "config.json") && !is_there(folder / kPeftConfigFile);
}

std::vector<SiteFactors> checkpoint_updates(const std::filesystem::path& folder,
                                            const std::filesystem::path& base,
                                            const SiteWanted& wanted) {
  const std::unique_ptr<Backend> backend = make_cpu_backend(1);
  const std::unique_ptr<Model> tuned = load_model(folder, *backend),
                               original = load_model(base, *backend);
  std::vector<SiteFactors> all;
  for (const SiteSpec& spec : original->shape().sites) {
    const std::string site(site_name(spec.site.kind));
    if (wanted && !wanted(spec.site.layer, site)) continue;
    const SiteSpec* same = tuned->shape().find(spec.site);
    if (same == nullptr || same->in != spec.in || same->out != spec.out) {
      throw InputError(fmt::format(
          "{}: has no {} of [{}, {}] as {} has; give the base that it was trained from",
          printable_path(folder), spec.site.name(), spec.out, spec.in, printable_path(base)));
    }
    std::vector<float> update = site_weight(*tuned, *same);
    const std::vector<float> before = site_weight(*original, spec);
    for (std::size_t i = 0; i < before.size(); ++i) update[i] -= before[i];
    const bool wide = spec.out < spec.in;
    const std::int64_t rank = wide ? spec.out : spec.in;
    all.push_back({.layer = spec.site.layer,
                   .site = site,
                   .rank = rank,
                   .in = spec.in,
                   .out = spec.out,
                   .a = wide ? std::move(update) : identity_matrix(rank),
                   .b = wide ? identity_matrix(rank) : std::move(update),
                   .scale = 1,
                   .of_checkpoint = true});
  }
  return all;
}

}  // namespace rankscope
