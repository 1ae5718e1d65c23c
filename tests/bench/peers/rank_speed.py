"""Choices ranked with PyTorch: the peer of the ranking row of `./rankscope bench tasks`.

    rank_speed.py --model DIR --prompts FILE.jsonl [--batch 32] [--threads N] [--json]

FILE holds lines {"prompt_ids": [...], "choices": [[...], ...]}. Each example makes one row a choice, prompt and choice end
to end, padded on the right; one forward pass a batch of --batch examples; logits at the choices' positions alone. The
fastest of three rounds counts.
"""

import json

import peer
import torch


def main():
    options = peer.evaluation_parser(__doc__).parse_args()
    model, examples = peer.prepare_evaluation(options)

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
    rate = len(examples) / peer.timed(rank, examples, options.batch)
    result = {"peer": "PyTorch ranking", "examples_per_second": rate, "threads": torch.get_num_threads()}
    print(json.dumps(result) if options.json else f"{rate:,.1f} examples/s")


if __name__ == "__main__":
    main()
