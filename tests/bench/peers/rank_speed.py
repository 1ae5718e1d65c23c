"""Choices ranked with PyTorch: the peer of the ranking row of `./rankscope bench tasks`.

    rank_speed.py --model DIR --prompts FILE.jsonl [--batch 32] [--threads N] [--json]

FILE holds lines {"prompt_ids": [...], "choices": [[...], ...]}. Each example makes one row a choice, prompt and choice end
to end, padded on the right; one forward pass a batch of --batch examples; logits at the choices' positions alone.
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
    options.add_argument("--threads", type=int)
    options.add_argument("--json", action="store_true")
    options = options.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    with open(options.prompts, encoding="utf-8") as lines:
        examples = [json.loads(line) for line in lines if line.strip()]
    examples.sort(key=lambda example: len(example["prompt_ids"]))
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()

    def rank(batch):
        rows = [(e["prompt_ids"], choice) for e in batch for choice in e["choices"]]
        longest = max(len(prompt) + len(choice) for prompt, choice in rows)
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        mask = torch.zeros_like(ids)
        at, labels, owner = [], [], []
        for row, (prompt, choice) in enumerate(rows):
            length = len(prompt) + len(choice)
            ids[row, :length] = torch.tensor(prompt + choice)
            mask[row, :length] = 1
            at += [(row, position - 1) for position in range(len(prompt), length)]
            labels += choice
            owner += [row] * len(choice)
        with torch.no_grad():
            hidden = model.base_model(input_ids=ids, attention_mask=mask).last_hidden_state
            where = torch.tensor(at)
            logits = model.lm_head(hidden[where[:, 0], where[:, 1]]).log_softmax(-1)
        scores = torch.zeros(len(rows)).index_add_(0, torch.tensor(owner), logits[torch.arange(len(labels)), labels])
        return scores.view(len(batch), -1).argmax(1).tolist()

    rank(examples[: options.batch])
    start = time.perf_counter()
    for first in range(0, len(examples), options.batch):
        rank(examples[first : first + options.batch])
    rate = len(examples) / (time.perf_counter() - start)
    result = {"peer": "PyTorch ranking", "examples_per_second": rate, "threads": torch.get_num_threads()}
    print(json.dumps(result) if options.json else f"{rate:,.1f} examples/s")


if __name__ == "__main__":
    main()
