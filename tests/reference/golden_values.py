"""The golden values of one case: outputs, gradients and short trainings of a model folder, in a chosen dtype."""

import torch
from transformers import get_scheduler

import lora_sites
import small_models

RANK, ALPHA = 3, 6
ADAMW = dict(betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
STEPS = 20
# Learning rates at which 20 steps move each method's loss clearly.
RUNS = {
    "lora": dict(lr=1e-2, sites=("Wq", "Wv")),
    "bitfit": dict(lr=1e-2),
    "full": dict(lr=1e-3),
    "lora_scheduled": dict(
        lr=1e-2,
        sites=lora_sites.ATTENTION_SITES,
        max_grad_norm=0.5,
        label_smoothing=0.1,
        schedule="linear",
        warmup_steps=5,
    ),
}


def train(model, batch, parameters, run):
    """Train `parameters` on the whole batch for STEPS steps; returns (loss before each step, gradient norm before clipping)."""
    optimizer = torch.optim.AdamW(parameters, lr=run["lr"], foreach=False, **ADAMW)
    scheduler = get_scheduler(run.get("schedule", "constant"), optimizer, run.get("warmup_steps", 0), STEPS)
    losses, norms = [], []
    for _ in range(STEPS):
        loss = small_models.loss_of(small_models.forward(model, batch), batch, run.get("label_smoothing", 0.0))
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, run.get("max_grad_norm", float("inf"))))
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
    return torch.stack(losses), torch.stack(norms)


def lora_names(prefix, pairs):
    return {f"{prefix}.{layer}.{site}.{m}": x for (layer, site), pair in pairs.items() for m, x in zip("AB", pair)}


def base_values(folder, batch, dtype):
    model = small_models.load(folder, dtype)
    logits = small_models.forward(model, batch)
    loss = small_models.loss_of(logits, batch)
    loss.backward()
    values = {"logits": logits, "nll": small_models.line_nll(logits, batch), "loss": loss.reshape(1)}
    values.update({f"grad.full.{name}": p.grad for name, p in model.named_parameters()})
    return values


def lora_values(folder, batch, dtype, adapters):
    model = small_models.load(folder, dtype)
    pairs = lora_sites.attach(model, adapters, ALPHA / RANK)
    logits = small_models.forward(model, batch)
    loss = small_models.loss_of(logits, batch)
    loss.backward()
    gradients = {key: (a.grad, b.grad) for key, (a, b) in pairs.items()}
    values = {"lora.logits": logits, "lora.loss": loss.reshape(1)}
    return {**values, **lora_names("init.lora", adapters), **lora_names("grad.lora", gradients)}


def training_values(folder, batch, dtype, adapters, method, keep_finals):
    model = small_models.load(folder, dtype)
    run = RUNS[method]
    if method.startswith("lora"):
        start = {key: (a, torch.zeros_like(b)) for key, (a, b) in adapters.items() if key[1] in run["sites"]}
        pairs = lora_sites.attach(model, start, ALPHA / RANK)
        parameters = [x for pair in pairs.values() for x in pair]
        trained = lora_names(f"final.{method}", pairs)
    else:
        chosen = {n: p for n, p in model.named_parameters() if method == "full" or n.endswith("bias")}
        model.requires_grad_(False)
        for parameter in chosen.values():
            parameter.requires_grad_(True)
        parameters = list(chosen.values())
        trained = {f"final.{method}.{name}": p for name, p in chosen.items()}
    losses, norms = train(model, batch, parameters, run)
    values = {f"losses.{method}": losses, f"grad_norms.{method}": norms}
    return {**values, **trained} if keep_finals else values


def golden_values(folder, batch, dtype, adapters, full_finals):
    """Every golden tensor of the case by name, detached, in `dtype`."""
    values = {**base_values(folder, batch, dtype), **lora_values(folder, batch, dtype, adapters)}
    has_biases = any(name.startswith("grad.full.") and name.endswith("bias") for name in values)
    for method in RUNS:
        if method != "bitfit" or has_biases:
            keep = method != "full" or full_finals
            values.update(training_values(folder, batch, dtype, adapters, method, keep))
    return {name: value.detach() for name, value in values.items()}
