"""LoRA training in a hand-written PyTorch step over PEFT's layers: batches of like length, logits at targets only.

    train_best.py --model DIR --data FILE.jsonl [--batch 8] [--steps 10] [--threads N] [--no-mask] [--compile] [--json]

--no-mask passes no mask of the padding, which stands on the right, where no token sees it. --compile runs the step through
torch.compile; two more steps then stay outside the clock.
"""

import random

import torch
import torch.nn.functional as F

import peer


def main():
    parser = peer.parser(__doc__)
    parser.add_argument("--no-mask", action="store_true")
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    examples = sorted(peer.prepare(options), key=lambda example: len(example[0]) + len(example[1]))
    if len(examples) < options.batch:
        parser.error(f"{options.data} has {len(examples)} examples, fewer than --batch {options.batch}")
    starts = range(0, len(examples) - options.batch + 1, options.batch)
    batches = [examples[start : start + options.batch] for start in starts]
    random.Random(0).shuffle(batches)

    model = peer.add_lora(peer.load_model(options.model), options.r)
    base = model.base_model.model
    trunk = base.transformer if base.config.model_type == "gpt2" else base.model

    def loss_at(ids, mask, positions, targets):
        hidden = trunk(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        return F.cross_entropy(base.lm_head(hidden.reshape(-1, hidden.shape[-1])[positions]), targets)

    loss_function = torch.compile(loss_at, dynamic=True) if options.compile else loss_at

    def step_loss(ids, mask, labels):
        flat = labels.reshape(-1)
        # A target token is predicted one position before its own. It is never a row's first: prompts are not empty.
        places = torch.nonzero(flat >= 0)[:, 0]
        return loss_function(ids, None if options.no_mask else mask, places - 1, flat[places])

    warm_up = peer.WARM_UP_STEPS + (2 if options.compile else 0)
    peer.measure("best compiled" if options.compile else "best", options, model, batches, step_loss, warm_up)


if __name__ == "__main__":
    main()
