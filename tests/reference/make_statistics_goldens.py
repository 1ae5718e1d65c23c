"""SciPy's and NumPy's answers for the statistics of metrics/, by plain formulas.

    python tests/reference/make_statistics_goldens.py

Needs numpy, scipy.
"""

import json
from pathlib import Path

import numpy as np
from scipy import integrate, optimize, stats

HERE = Path(__file__).resolve().parent
DFS = [1, 1.37, 2, 3.6, 4, 9, 30.5, 499, 1e6]


def power(shift, df, alpha):
    """Of the normal numerator, given the chi denominator: the noncentral t distribution by its definition."""
    critical = stats.t.ppf(1 - alpha / 2, df)

    def given(chi):
        bound = critical * chi / np.sqrt(df)
        return (stats.norm.sf(bound - shift) + stats.norm.cdf(-bound - shift)) * stats.chi.pdf(chi, df)

    ends = [0, *stats.chi.ppf([0.001, 0.5, 0.999, 1 - 1e-14], df)]
    return sum(integrate.quad(given, a, b, epsabs=1e-13, epsrel=1e-12)[0] for a, b in zip(ends, ends[1:]))


def distributions():
    ts = [-40, -3.5, -1, -0.01, 0, 0.3, 1.96, 4.3, 12.7]
    ps = [1e-6, 0.005, 0.1, 0.5, 0.8, 0.975, 0.9995]
    return {
        "cdf": [[t, df, stats.t.cdf(t, df)] for df in DFS for t in ts] + [[t, None, stats.norm.cdf(t)] for t in ts],
        "quantile": [[p, df, stats.t.ppf(p, df)] for df in DFS for p in ps] + [[p, None, stats.norm.ppf(p)] for p in ps],
        "power": [[shift, df, alpha, power(shift, df, alpha)]
                  for df in [1, 2, 4, 8.5, 60] for alpha in [0.05, 0.01] for shift in [0.5, 2, 3.5, 8]],
        "binomial": [[k, n, p, stats.binom.cdf(k, n, p)]
                     for n in [1, 7, 40, 1000] for k in [0, n // 3, n // 2, n] for p in [0.5, 0.03]],
    }


def parts(groups):
    """Of the seeds' part: variance, 97.5 % quantile and what the residuals add to the examples' part."""
    variances, tied, dfs, residual = [], [], [], 0.0
    for y in groups:
        s, e = y.shape
        if s == 1:
            continue
        variances.append(np.var(y.mean(1), ddof=1) / s)
        tied.append(variances[-1] + (1 / (2 * e**2) / s if binary(y) else 0))
        dfs.append(s - 1)
        fitted = y.mean(1, keepdims=True) + y.mean(0, keepdims=True) - y.mean()
        residual += ((y - fitted) ** 2).sum() / ((s - 1) * (e - 1)) / (s * e)
    if sum(variances) == 0:
        return 0.0, None, dfs, residual
    tied, dfs = np.array(tied), np.array(dfs)
    satterthwaite = stats.t.ppf(0.975, tied.sum() ** 2 / (tied**2 / dfs).sum())
    cochran_cox = (tied * stats.t.ppf(0.975, dfs)).sum() / tied.sum()
    unlike = (dfs.max() - dfs.min()) / (dfs.max() + dfs.min())
    return sum(variances), (1 - unlike) * satterthwaite + unlike * cochran_cox, dfs, residual


def estimate(groups, value, square_sum):
    e = groups[0].shape[1]
    seeds, seeds_quantile, dfs, residual = parts(groups)
    examples = square_sum / (e - 1) / e
    if seeds == 0:
        return {"value": value, "variance": examples, "df": e - 1}
    examples = max(0.0, examples - residual)
    variance = seeds + examples
    quantile = (seeds * seeds_quantile + examples * stats.t.ppf(0.975, e - 1)) / variance
    df = optimize.brentq(lambda df: stats.t.ppf(0.975, df) - quantile, 0.9, max(sum(dfs), e - 1) + 1, xtol=1e-13, rtol=1e-13)
    return {"value": value, "variance": variance, "df": df}


def binary(y):
    return bool(np.isin(y, [0, 1]).all())


def mean_case(y):
    square_sum = ((y.mean(0) - y.mean()) ** 2).sum()
    return estimate([y], y.mean(), square_sum)


def wilson(y, confidence):
    """The p at which |mean - p| is the quantile times the standard error that p itself would give, by root finding."""
    case = mean_case(y)
    t = stats.t.ppf((1 + confidence) / 2, case["df"])
    mean = y.mean()
    per_spread = case["variance"] / (mean * (1 - mean))
    excess = lambda p: (mean - p) ** 2 - t**2 * per_spread * p * (1 - p)
    return [optimize.brentq(excess, 0, mean, xtol=1e-14), optimize.brentq(excess, mean, 1, xtol=1e-14)]


def difference_case(left, right):
    d = left.mean(0) - right.mean(0)
    square_sum = ((d - d.mean()) ** 2).sum()
    if binary(left) and binary(right):
        square_sum += (1 / len(left) + 1 / len(right)) / 2
    return estimate([left, right], left.mean() - right.mean(), square_sum)


def outcomes(rng, seeds, examples, is_binary):
    latent = rng.normal(size=(1, examples)) + 0.4 * rng.normal(size=(seeds, 1)) + rng.normal(size=(seeds, examples))
    return (latent > 0.3).astype(float) if is_binary else np.round(1 / (1 + np.exp(-latent)), 4)


def designs():
    rng = np.random.default_rng(5)
    cases = []
    for left, right, examples, is_binary in [(2, 2, 12, True), (3, 5, 20, True), (5, 2, 9, False), (4, 4, 15, False),
                                             (1, 3, 10, True), (1, 1, 10, True)]:
        x, y = outcomes(rng, left, examples, is_binary), outcomes(rng, right, examples, is_binary)
        cases.append({"left": x.tolist(), "right": y.tolist(), "mean": mean_case(x), "difference": difference_case(x, y),
                      "wilson": [wilson(x, 0.95), wilson(x, 0.8)] if is_binary else None})
    return cases


def mcnemar():
    rng = np.random.default_rng(6)
    cases = []
    for examples, left, right in [(30, 0.5, 0.8), (200, 0.9, 0.93), (15, 0.2, 0.2), (400, 0.1, 0.2)]:
        x, y = (rng.random(examples) < left).astype(int), (rng.random(examples) < right).astype(int)
        n10, n01 = int(((x == 1) & (y == 0)).sum()), int(((x == 0) & (y == 1)).sum())
        cases.append({"left": x.tolist(), "right": y.tolist(), "p": stats.binomtest(n10, n10 + n01, 0.5).pvalue})
    return cases


def main():
    answers = {"distributions": distributions(), "designs": designs(), "mcnemar": mcnemar()}
    path = HERE / "goldens" / "statistics.json"
    path.write_text(json.dumps(answers, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
