// The panels of the figures about phi: what adapters share, and what chance and initialisation
// give.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plots/adapters.h"
#include "plots/heat_map.h"

namespace rankscope {

// The stored pairs of one group's adapters.
class PhiPairs {
 public:
  // `relation` as in results/analysis_records.h.
  PhiPairs(ReportData& data, const AdapterGroup& group, const std::string& relation);

  bool empty() const { return keys_.empty(); }
  ReportData& data() const { return data_; }
  // The mean over pairs; none where there is no such pair.
  std::optional<PhiMean> mean(const std::string& site, std::int64_t layer,
                              const std::string& directions, std::int64_t rank_one,
                              std::optional<std::int64_t> rank_other) const;
  // Of A, the same between adapters that were trained on shuffled targets.
  std::optional<PhiMean> shuffled(const std::string& site, std::int64_t layer,
                                  std::int64_t rank_one, std::int64_t rank_other) const;

 private:
  std::optional<PhiMean> mean_of(const std::vector<PhiKey>& keys, const std::string& site,
                                 std::int64_t layer, const std::string& directions,
                                 std::int64_t rank_one,
                                 std::optional<std::int64_t> rank_other) const;

  ReportData& data_;
  std::vector<PhiKey> keys_, shuffled_;
};

// With chance and the 95 % band of a mean over as many random pairs (plots/chance.h) beside each
// value in the CSV. Empty where there is none.
HeatPanel phi_panel(const std::string& title, const std::optional<PhiMean>& mean, ReportData& data);
HeatPanel chance_panel(const PhiMean& like, ReportData& data);

// A map of such panels on one scale, from 0 to the tenth above the largest value.
HeatMap phi_map(std::vector<HeatPanel> panels, std::size_t columns, const std::string& x,
                const std::string& y);

// At most `most`, which is 2 or more, of the layers, the first and the last among them.
std::vector<std::int64_t> some_layers(const std::vector<std::int64_t>& layers, std::size_t most);

// "mean over 5 seeds, d = 160".
std::string pairs_text(const PhiMean& mean, const char* what);

}  // namespace rankscope
