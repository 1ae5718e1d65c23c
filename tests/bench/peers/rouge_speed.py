"""ROUGE-1/2/L with the stemmer by rouge_score, one thread: the peer of the ROUGE row of `./rankscope bench tasks`.

    rouge_speed.py --pairs FILE.jsonl [--rounds 3] [--json]

FILE holds lines {"reference": ..., "prediction": ...}. The fastest of --rounds counts.
"""

import argparse
import json
import time

from rouge_score import rouge_scorer


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", required=True)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--json", action="store_true")
    options = options.parse_args()
    with open(options.pairs, encoding="utf-8") as lines:
        pairs = [json.loads(line) for line in lines if line.strip()]
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    best = float("inf")
    for _ in range(options.rounds):
        start = time.perf_counter()
        mean = sum(scorer.score(pair["reference"], pair["prediction"])["rouge1"].fmeasure for pair in pairs) / len(pairs)
        best = min(best, time.perf_counter() - start)
    rate = len(pairs) / best
    result = {"peer": "rouge_score", "pairs_per_second": rate, "mean_rouge1_f": mean}
    print(json.dumps(result) if options.json else f"{rate:,.0f} pairs/s, mean ROUGE-1 {mean:.4f}")


if __name__ == "__main__":
    main()
