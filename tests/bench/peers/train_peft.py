"""LoRA training as a PEFT user writes it: batches in file order, padded, the model's own loss over all positions.

    train_peft.py --model DIR --data FILE.jsonl [--batch 8] [--steps 10] [--threads N] [--full] [--json]

--full trains every weight instead.
"""

import peer


def main():
    parser = peer.parser(__doc__)
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    examples = peer.prepare(options)
    model = peer.load_model(options.model)
    if not options.full:
        model = peer.add_lora(model, options.r)
    steps = peer.WARM_UP_STEPS + options.steps
    batches = [
        [examples[(step * options.batch + i) % len(examples)] for i in range(options.batch)] for step in range(steps)
    ]

    def step_loss(ids, mask, labels):
        return model(input_ids=ids, attention_mask=mask, labels=labels).loss

    peer.measure("peft full" if options.full else "peft lora", options, model, batches, step_loss)


if __name__ == "__main__":
    main()
