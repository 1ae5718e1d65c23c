#include "experiments/analysis/checkpoint_update.h"

#include <fmt/format.h>

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

CheckpointUpdates::CheckpointUpdates(const std::filesystem::path& folder,
                                     const std::filesystem::path& base, const SiteWanted& wanted)
    : backend_(make_cpu_backend(1)),
      tuned_(load_model(folder, *backend_)),
      original_(load_model(base, *backend_)) {
  for (const SiteSpec& spec : original_->shape().sites) {
    if (wanted && !wanted(spec.site.layer, std::string(site_name(spec.site.kind)))) continue;
    const SiteSpec* same = tuned_->shape().find(spec.site);
    if (same == nullptr || same->in != spec.in || same->out != spec.out) {
      throw InputError(fmt::format(
          "{}: has no {} of [{}, {}] as {} has; give the base that it was trained from",
          printable_path(folder), spec.site.name(), spec.out, spec.in, printable_path(base)));
    }
    sites_.push_back({same, &spec});
  }
}

SiteFactors CheckpointUpdates::at(std::size_t i) const {
  const SiteSpec& spec = *sites_.at(i).original;
  std::vector<float> update = site_weight(*tuned_, *sites_[i].tuned);
  const std::vector<float> before = site_weight(*original_, spec);
  for (std::size_t j = 0; j < before.size(); ++j) update[j] -= before[j];
  const bool wide = spec.out < spec.in;
  const std::int64_t rank = wide ? spec.out : spec.in;
  return {.layer = spec.site.layer,
          .site = std::string(site_name(spec.site.kind)),
          .rank = rank,
          .in = spec.in,
          .out = spec.out,
          .a = wide ? std::move(update) : identity_matrix(rank),
          .b = wide ? identity_matrix(rank) : std::move(update),
          .scale = 1,
          .of_checkpoint = true};
}

}  // namespace rankscope
