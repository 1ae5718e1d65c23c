// AdaLoRA's triples: their gradients, their importance, and which of them are kept.
#include <algorithm>
#include <cmath>

#include "common/draws.h"
#include "engine/methods/adalora.h"

namespace rankscope {
namespace {

constexpr float kDeviation = 0.02f;  // of A and B at the start, as PEFT's

// G [r, r] = X X^T - I for rows of length n, `step` from one element of a row to the next, and its
// Frobenius norm.
double off_orthogonal(const std::vector<float>& x, int64_t r, int64_t n, int64_t row, int64_t step,
                      std::vector<double>& g) {
  g.assign(static_cast<size_t>(r * r), 0.0);
  double norm = 0;
  for (int64_t i = 0; i < r; ++i)
    for (int64_t j = 0; j < r; ++j) {
      double sum = i == j ? -1.0 : 0.0;
      for (int64_t k = 0; k < n; ++k)
        sum += double{x[static_cast<size_t>(i * row + k * step)]} *
               x[static_cast<size_t>(j * row + k * step)];
      g[static_cast<size_t>(i * r + j)] = sum;
      norm += sum * sum;
    }
  return std::sqrt(norm);
}

// dx += weight * d||X X^T - I||_F / dX = weight * 2 G X / ||G||.
void add_gradient_of_norm(const std::vector<float>& x, int64_t r, int64_t n, int64_t row,
                          int64_t step, double weight, std::vector<float>& dx) {
  std::vector<double> g;
  const double norm = off_orthogonal(x, r, n, row, step, g);
  if (norm == 0) return;
  for (int64_t i = 0; i < r; ++i)
    for (int64_t k = 0; k < n; ++k) {
      double sum = 0;
      for (int64_t j = 0; j < r; ++j)
        sum += g[static_cast<size_t>(i * r + j)] * x[static_cast<size_t>(j * row + k * step)];
      dx[static_cast<size_t>(i * row + k * step)] += static_cast<float>(2 * weight * sum / norm);
    }
}

Parameter zeros_like(Backend& backend, std::string name, int64_t rows, int64_t cols) {
  return {std::move(name), backend.zeros(rows, cols), {}};
}

}  // namespace

void AdaLoraAdaptation::add_site(const RankedSite& place, uint64_t init_seed) {
  Backend& backend = model().backend();
  const SiteSpec& spec = *place.spec;
  const int64_t r = settings_.first_rank(place.rank);
  auto made = std::make_unique<Triples>();
  made->factors = &add(spec, r, settings_.lora.scale_of(place.rank, r), settings_.lora.dropout);
  made->factors->a.name = spec.site.name() + ".lora_EA";
  const auto own = [&](Part& part, std::string name, int64_t rows, int64_t cols) {
    part.owned = std::make_unique<Parameter>(
        Parameter{std::move(name), backend.zeros(rows, cols), backend.zeros(rows, cols)});
    part.parameter = part.owned.get();
  };
  own(made->a, a_name(spec.site), r, spec.in);
  own(made->e, spec.site.name() + ".lora_E", 1, r);
  made->b.parameter = &made->factors->b;
  for (Part* part : {&made->a, &made->e, &made->b}) {
    const Parameter& p = *part->parameter;
    part->sensitivity =
        zeros_like(backend, p.name + ".sensitivity", p.value.rows(), p.value.cols());
    part->uncertainty =
        zeros_like(backend, p.name + ".uncertainty", p.value.rows(), p.value.cols());
  }
  for (Part* part : {&made->a, &made->b}) {
    std::vector<float> values(static_cast<size_t>(part->parameter->value.size()));
    Draws(init_seed, "init", part->parameter->name + ".r" + std::to_string(r)).fill_normal(values);
    for (float& value : values) value *= kDeviation;
    backend.upload(values.data(), part->parameter->value.matrix());
  }
  made->mask = zeros_like(backend, spec.site.name() + ".mask", 1, r);
  backend.upload(std::vector<float>(static_cast<size_t>(r), 1.0f).data(),
                 made->mask.value.matrix());
  first_total_ += r;
  last_total_ += place.rank;
  triples_.emplace(spec.site, std::move(made));
}

std::vector<TrainedParameter> AdaLoraAdaptation::trained() {
  std::vector<TrainedParameter> all;
  for (const auto& [site, t] : triples_)
    for (Part* part : {&t->a, &t->e, &t->b}) all.push_back({part->parameter});
  return all;
}

std::vector<Parameter*> AdaLoraAdaptation::state() {
  std::vector<Parameter*> all;
  for (const auto& [site, t] : triples_) {
    for (Part* part : {&t->a, &t->e, &t->b}) {
      all.push_back(&part->sensitivity);
      all.push_back(&part->uncertainty);
    }
    all.push_back(&t->mask);
  }
  return all;
}

void AdaLoraAdaptation::refresh(Model&) {
  Backend& backend = model().backend();
  for (const auto& [site, t] : triples_) {
    std::vector<float> a = backend.to_host(t->a.parameter->value.view());
    const std::vector<float> e = backend.to_host(t->e.parameter->value.view());
    const size_t in = a.size() / e.size();
    for (size_t i = 0; i < a.size(); ++i) a[i] *= e[i / in];
    backend.upload(a.data(), t->factors->a.value.matrix());
  }
}

// From the gradient of diag(E) A those of E and A; and what orthogonality adds.
void AdaLoraAdaptation::complete_gradients() {
  Backend& backend = model().backend();
  for (const auto& [site, t] : triples_) {
    const std::vector<float> a = backend.to_host(t->a.parameter->value.view());
    const std::vector<float> e = backend.to_host(t->e.parameter->value.view());
    std::vector<float> da = backend.to_host(t->factors->a.gradient.view());
    std::vector<float> db = backend.to_host(t->b.parameter->gradient.view());
    std::vector<float> de(e.size());
    const size_t in = a.size() / e.size();
    for (size_t i = 0; i < e.size(); ++i) {
      double sum = 0;
      for (size_t k = i * in; k < (i + 1) * in; ++k) {
        sum += double{a[k]} * da[k];
        da[k] *= e[i];
      }
      de[i] = static_cast<float>(sum);
    }
    add_orthogonality(*t, da, db);
    const auto give = [&](Part& part, std::vector<float>& gradient) {
      backend.upload(gradient.data(), part.parameter->gradient.matrix());
      part.gradient = std::move(gradient);
    };
    give(t->a, da);
    give(t->e, de);
    give(t->b, db);
    backend.fill_zero(t->factors->a.gradient.matrix());
  }
}

void AdaLoraAdaptation::add_orthogonality(Triples& t, std::vector<float>& da,
                                          std::vector<float>& db) const {
  if (settings_.orthogonal == 0) return;
  Backend& backend = model().backend();
  const double weight = settings_.orthogonal / static_cast<double>(2 * triples_.size());
  const std::vector<float> a = backend.to_host(t.a.parameter->value.view());
  const std::vector<float> b = backend.to_host(t.b.parameter->value.view());
  const int64_t r = t.e.parameter->value.cols();
  const int64_t in = t.a.parameter->value.cols(), out = t.b.parameter->value.rows();
  add_gradient_of_norm(a, r, in, in, 1, weight, da);
  add_gradient_of_norm(b, r, out, 1, r, weight, db);  // B's columns
}

void AdaLoraAdaptation::after_update(const UpdateReport& report) {
  const int64_t step = report.step - 1;
  const RankBudget budget = rank_budget(settings_, step, report.steps, first_total_, last_total_);
  const int64_t end = settings_.last_choice(report.steps);
  if (step < end)
    for (const auto& [site, t] : triples_)
      for (Part* part : {&t->a, &t->e, &t->b}) smooth(*part, report.gradient_scale);
  if (budget.choose) choose(budget.triples);
  // While the budget falls a triple that was given up may come back; behind its end none does.
  if (budget.choose || step > end) apply_masks();
}

// Equations 8 to 10: sensitivity |w dL/dw|, smoothed, and its smoothed deviation.
void AdaLoraAdaptation::smooth(Part& part, double gradient_scale) const {
  Backend& backend = model().backend();
  const std::vector<float> value = backend.to_host(part.parameter->value.view());
  std::vector<float> sensitivity = backend.to_host(part.sensitivity.value.view());
  std::vector<float> uncertainty = backend.to_host(part.uncertainty.value.view());
  for (size_t i = 0; i < value.size(); ++i) {
    const double now = std::abs(double{value[i]} * part.gradient[i] * gradient_scale);
    const double mean = settings_.beta1 * sensitivity[i] + (1 - settings_.beta1) * now;
    sensitivity[i] = static_cast<float>(mean);
    uncertainty[i] = static_cast<float>(settings_.beta2 * uncertainty[i] +
                                        (1 - settings_.beta2) * std::abs(now - mean));
  }
  backend.upload(sensitivity.data(), part.sensitivity.value.matrix());
  backend.upload(uncertainty.data(), part.uncertainty.value.matrix());
}

// Equation 7: of E, and the mean over the row of A and over the column of B.
std::vector<double> AdaLoraAdaptation::importance(const Triples& t) const {
  Backend& backend = model().backend();
  const auto r = static_cast<size_t>(t.e.parameter->value.cols());
  std::vector<double> scores(r, 0.0);
  // Element i of the part belongs to triple i / inner % r.
  const auto add = [&](const Part& part, size_t inner) {
    const std::vector<float> s = backend.to_host(part.sensitivity.value.view());
    const std::vector<float> u = backend.to_host(part.uncertainty.value.view());
    const double share = static_cast<double>(r) / static_cast<double>(s.size());
    for (size_t i = 0; i < s.size(); ++i) scores[i / inner % r] += share * double{s[i]} * u[i];
  };
  add(t.e, 1);
  add(t.a, static_cast<size_t>(t.a.parameter->value.cols()));
  add(t.b, 1);
  return scores;
}

// Keeps the most important triples of all sites; of equal ones the first.
void AdaLoraAdaptation::choose(int64_t kept_triples) {
  std::vector<std::pair<double, size_t>> order;  // importance, negative, and place
  for (const auto& [site, t] : triples_)
    for (double score : importance(*t)) order.emplace_back(-score, order.size());
  const auto kept = std::min(static_cast<size_t>(kept_triples), order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end());
  std::vector<float> chosen(order.size(), 0.0f);
  for (size_t i = 0; i < kept; ++i) chosen[order[i].second] = 1.0f;
  const float* mask = chosen.data();
  for (const auto& [site, t] : triples_) {
    model().backend().upload(mask, t->mask.value.matrix());
    mask += t->mask.value.cols();
  }
}

void AdaLoraAdaptation::apply_masks() {
  for (const auto& [site, t] : triples_)
    model().backend().multiply(t->mask.value.view(), t->e.parameter->value.matrix());
}

std::vector<bool> AdaLoraAdaptation::taking_part(const Triples& t) const {
  Backend& backend = model().backend();
  const std::vector<float> mask = backend.to_host(t.mask.value.view());
  const std::vector<float> e = backend.to_host(t.e.parameter->value.view());
  std::vector<bool> taking(mask.size());
  for (size_t i = 0; i < mask.size(); ++i) taking[i] = mask[i] != 0.0f || e[i] != 0.0f;
  return taking;
}

int64_t AdaLoraAdaptation::kept(Site site) const {
  return std::ranges::count(taking_part(*triples_.at(site)), true);
}

std::unique_ptr<LowRankAdaptation> AdaLoraAdaptation::as_plain_lora() const {
  Backend& backend = model().backend();
  auto plain = std::make_unique<LowRankAdaptation>(model());
  for (const auto& [site, t] : triples_) {
    const SiteSpec& spec = *model().shape().find(site);
    const std::vector<bool> taking = taking_part(*t);
    const std::vector<float> a = backend.to_host(t->factors->a.value.view());
    const std::vector<float> b = backend.to_host(t->b.parameter->value.view());
    const auto r = static_cast<int64_t>(taking.size());
    std::vector<float> kept_a, kept_b;
    for (int64_t i = 0; i < r; ++i)
      if (taking[static_cast<size_t>(i)])
        kept_a.insert(kept_a.end(), a.begin() + i * spec.in, a.begin() + (i + 1) * spec.in);
    const int64_t rank = std::ssize(kept_a) / spec.in;
    if (rank == 0) continue;
    for (int64_t j = 0; j < spec.out; ++j)
      for (int64_t i = 0; i < r; ++i)
        if (taking[static_cast<size_t>(i)]) kept_b.push_back(b[static_cast<size_t>(j * r + i)]);
    Factors& factors = plain->add(spec, rank, t->factors->scale, t->factors->dropout);
    backend.upload(kept_a.data(), factors.a.value.matrix());
    backend.upload(kept_b.data(), factors.b.value.matrix());
  }
  return plain;
}

}  // namespace rankscope
