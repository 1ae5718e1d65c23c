"""Hugging Face tokenizers on the lines of files, one thread: the peer of BM_Tokenize in ../tokenizer_bench.cpp.

    tokenizers_speed.py [--shared DIR] [--models gpt2-tokenizer stories3m stories260k] [--rounds 5] [--json]

Times encode() line by line and encode_batch() on all lines, and reports the faster; the best of --rounds counts.
"""

import argparse
import json
import os
import pathlib
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

from tokenizers import Tokenizer  # noqa: E402  (reads the environment)

FILES = ["data/mnli/dev_matched.jsonl", "data/samsum/val.json"]


def main():
    beside = pathlib.Path(__file__).resolve().parents[3].parent / "shared"
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shared", type=pathlib.Path, default=os.environ.get("RANKSCOPE_SHARED", beside))
    options.add_argument("--models", nargs="+", default=["gpt2-tokenizer", "stories3m", "stories260k"])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--json", action="store_true")
    options = options.parse_args()
    shared = pathlib.Path(options.shared)
    lines = []
    for name in FILES:
        lines += (shared / name).read_bytes().decode("utf-8", errors="replace").replace("\r\n", "\n").removesuffix("\n").split("\n")
    size = sum(len(line.encode()) for line in lines)
    for model in options.models:
        tokenizer = Tokenizer.from_file(str(shared / "models" / model / "tokenizer.json"))
        best = {}
        for _ in range(options.rounds):
            for way in ["encode", "encode_batch"]:
                start = time.perf_counter()
                if way == "encode":
                    tokens = sum(len(tokenizer.encode(line)) for line in lines)
                else:
                    tokens = sum(len(encoding) for encoding in tokenizer.encode_batch(lines))
                best[way] = min(best.get(way, 1e9), time.perf_counter() - start)
        way = min(best, key=best.get)
        result = {"peer": "tokenizers", "model": model, "way": way, "mib_per_second": size / best[way] / 2**20, "tokens_per_second": tokens / best[way]}
        if options.json:
            print(json.dumps(result))
        else:
            print(f"{model}: {result['mib_per_second']:.2f} MiB/s, {result['tokens_per_second']:,.0f} tokens/s ({way})")


if __name__ == "__main__":
    main()
