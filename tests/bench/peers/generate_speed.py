"""Decoding with transformers' generate(): the peer of the decoding rows of `./rankscope bench tasks`.

    generate_speed.py --model DIR --prompts FILE.jsonl [--batch 32] [--new 64] [--beams 1] [--threads N] [--json]

FILE holds lines {"prompt_ids": [...]}. Prompts are sorted by length, padded on the left, and continued by exactly --new
tokens each; the clock runs over padding and generate().
"""

import argparse
import json
import time

import torch
from transformers import AutoModelForCausalLM


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", required=True)
    options.add_argument("--prompts", required=True)
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--new", type=int, default=64)
    options.add_argument("--beams", type=int, default=1)
    options.add_argument("--threads", type=int)
    options.add_argument("--json", action="store_true")
    options = options.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    with open(options.prompts, encoding="utf-8") as lines:
        prompts = sorted((json.loads(line)["prompt_ids"] for line in lines if line.strip()), key=len)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()

    def generate(batch, new):
        longest = max(map(len, batch))
        ids = torch.tensor([[0] * (longest - len(p)) + p for p in batch])
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in batch])
        with torch.no_grad():
            model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=new, min_new_tokens=new, do_sample=False,
                num_beams=options.beams, pad_token_id=0,
            )  # fmt: skip

    generate(prompts[: options.batch], 2)
    start = time.perf_counter()
    for first in range(0, len(prompts), options.batch):
        generate(prompts[first : first + options.batch], options.new)
    seconds = time.perf_counter() - start
    result = {
        "peer": "transformers generate",
        "new_tokens_per_second": len(prompts) * options.new / seconds,
        "examples_per_second": len(prompts) / seconds,
        "beams": options.beams,
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(result) if options.json else f"{result['new_tokens_per_second']:,.0f} new tokens/s, beams {options.beams}")


if __name__ == "__main__":
    main()
