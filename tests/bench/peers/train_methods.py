"""Other methods than LoRA as a PEFT user trains them, with PEFT's padded loop (train_peft.py).

    train_methods.py --method NAME --model DIR --data FILE.jsonl [--r R] [--batch 8] [--steps 10] [--threads N] [--json]

NAME is dora or adalora (of rank --r on Wq and Wv), prefix_kv (--r prefix tokens), prefix_embed (--r prompt tokens) or adapter_h
(bottlenecks of width --r, which PEFT does not have: two linear modules behind each output projection).
"""

import peer
import torch


class Bottleneck(torch.nn.Module):
    """A projection of the base, and a bottleneck on its output."""

    def __init__(self, projection, width, bottleneck):
        super().__init__()
        self.projection = projection
        self.down = torch.nn.Linear(width, bottleneck)
        self.up = torch.nn.Linear(bottleneck, width)
        torch.nn.init.zeros_(self.up.weight)
        torch.nn.init.zeros_(self.up.bias)

    def forward(self, x):
        z = self.projection(x)
        return z + self.up(torch.nn.functional.gelu(self.down(z), approximate="tanh"))


def add_adapters(model, bottleneck):
    model.requires_grad_(False)
    width = model.config.hidden_size
    for name, module in list(model.named_modules()):
        for last in ("o_proj", "down_proj", "c_proj"):
            if hasattr(module, last):
                setattr(module, last, Bottleneck(getattr(module, last), width, bottleneck))
    return model


def adapt(model, options, steps):
    import peft

    gpt2 = model.config.model_type == "gpt2"
    modules = ["c_attn"] if gpt2 else ["q_proj", "v_proj"]
    common = dict(task_type="CAUSAL_LM")
    low_rank = dict(lora_alpha=options.r, target_modules=modules, fan_in_fan_out=gpt2, **common)
    if options.method == "adapter_h":
        return add_adapters(model, options.r)
    if options.method == "dora":
        settings = peft.LoraConfig(r=options.r, use_dora=True, **low_rank)
    elif options.method == "adalora":
        settings = peft.AdaLoraConfig(
            init_r=options.r, target_r=max(1, 2 * options.r // 3), tinit=0, tfinal=0, total_step=steps, **low_rank
        )
    elif options.method == "prefix_kv":
        settings = peft.PrefixTuningConfig(num_virtual_tokens=options.r, **common)
    else:
        settings = peft.PromptTuningConfig(num_virtual_tokens=options.r, **common)
    return peft.get_peft_model(model, settings)


def main():
    parser = peer.parser(__doc__)
    parser.add_argument("--method", required=True, choices=["dora", "adalora", "prefix_kv", "prefix_embed", "adapter_h"])
    options = parser.parse_args()
    examples = peer.prepare(options)
    steps = peer.WARM_UP_STEPS + options.steps
    model = adapt(peer.load_model(options.model), options, steps)
    batches = [
        [examples[(step * options.batch + i) % len(examples)] for i in range(options.batch)] for step in range(steps)
    ]

    def step_loss(ids, mask, labels):
        return model(input_ids=ids, attention_mask=mask, labels=labels).loss

    # As PEFT's documentation has its users do; the budget falls from the first step, and triples are chosen anew at every one.
    after_step = model.base_model.update_and_allocate if options.method == "adalora" else None
    peer.measure("peft " + options.method, options, model, batches, step_loss, after_step=after_step)


if __name__ == "__main__":
    main()
