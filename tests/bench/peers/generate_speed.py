"""Decoding with transformers' generate(): the peer of the decoding rows of `./rankscope bench tasks`.

    generate_speed.py --model DIR --prompts FILE.jsonl [--batch 32] [--new 64] [--beams 1] [--threads N] [--json]

FILE holds lines {"prompt_ids": [...]}. Prompts are sorted by length, padded on the left, and continued by exactly --new
tokens each; the clock runs over padding and generate(), and the fastest of three rounds counts.
"""

import json

import peer
import torch


def main():
    options = peer.evaluation_parser(__doc__)
    options.add_argument("--new", type=int, default=64)
    options.add_argument("--beams", type=int, default=1)
    options = options.parse_args()
    model, examples = peer.prepare_evaluation(options)
    prompts = [example["prompt_ids"] for example in examples]

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
    seconds = peer.timed(lambda batch: generate(batch, options.new), prompts, options.batch)
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
