"""Write goldens/methods/: fine-tuning methods other than plain LoRA on two golden models, as PyTorch computes them.

    HF_HUB_OFFLINE=1 python make_method_goldens.py [METHOD ...]        (after make_goldens.py)

As in make_goldens.py, values are computed in float64 and stored rounded to fp32, and methods.json holds the settings and how
far PyTorch's own fp32 lands. README.md in this folder names the tensors.
"""

import json
import sys

import torch
import transformers

import adalora_ranks
import golden_values
import lora_sites
import make_goldens
import method_checks
import method_modules
import method_prefixes
import small_models

CASES = ("gpt2_tied", "llama_gqa")
LORA = dict(kind="lora", sites=("Wq", "Wv"), r=3, alpha=6)
# Learning rates at which 20 steps move each method's loss clearly.
METHODS = {
    "dora": dict(kind="dora", lr=1e-2, sites=("Wq", "Wv", "W1"), r=3, alpha=6),
    "adalora": dict(
        kind="adalora",
        lr=2e-2,
        sites=lora_sites.ATTENTION_SITES,
        r=6,
        alpha=6,
        ranks=dict(target_r=3, tinit=4, tfinal=6, deltaT=2, beta1=0.85, beta2=0.85, orth_reg_weight=0.5, total_step=20),
    ),
    "adapter_h": dict(lr=1e-2, adapters=("Wo", "W2"), r=4, activation="gelu"),
    "adapter_p": dict(lr=1e-2, adapters=("W2",), r=4, activation="relu"),
    "adapter_l": dict(lr=1e-2, adapters=("",), r=4, activation="relu"),
    "prefix_embed": dict(lr=5e-2, prefix="prefix_embed"),
    "prefix_layer": dict(lr=5e-2, prefix="prefix_layer"),
    "prefix_kv": dict(lr=5e-2, prefix="prefix_kv"),
    "lora_plus": dict(lr=2e-3, lr_ratio=16, **LORA),
    "lora+prefix_embed": dict(lr=1e-2, prefix="prefix_embed", **LORA),
    "lora+prefix_layer": dict(lr=1e-2, prefix="prefix_layer", **LORA),
    "pissa": dict(lr=1e-2, sites=("Wq", "Wv"), r=3, alpha=12),
    "ft_top2": dict(lr=1e-3, layers=2),
}


def scale_of(method):
    return method["alpha"] / method["r"] if "alpha" in method else None


def draw(model, method, seed):
    """Every tensor that the method trains, random, nothing zero, fp32."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    if "kind" in method:
        tensors.update(method_modules.draw_low_rank(model, method["sites"], method["r"], method["kind"], generator))
    if "adapters" in method:
        tensors.update(method_modules.draw_adapters(model, method["adapters"], method["r"], generator))
    if "prefix" in method:
        tensors.update(method_prefixes.draw(model, method["prefix"], generator))
    return tensors


def trainable(tensors, dtype):
    return {name: tensor.detach().clone().to(dtype).requires_grad_(True) for name, tensor in tensors.items()}


def objective(loss, tensors, method):
    """What is differentiated: AdaLoRA adds its regulariser to the loss that is reported."""
    if "ranks" in method:
        return loss + method["ranks"]["orth_reg_weight"] * adalora_ranks.orthogonality(tensors)
    return loss


def initial_values(folder, batch, dtype, method, init):
    """Outputs and gradients with the tensors `init`."""
    model, tensors = small_models.load(folder, dtype), trainable(init, dtype)
    method_modules.attach(model, tensors, scale_of(method), method.get("activation"))
    logits = method_prefixes.forward(model, batch, tensors)
    lines = method_prefixes.extended(batch, tensors)
    loss = small_models.loss_of(logits, lines)
    objective(loss, tensors, method).backward()
    values = {"logits": logits, "nll": small_models.line_nll(logits, lines), "loss": loss.reshape(1)}
    values.update({f"init.{name}": tensor for name, tensor in init.items()})
    return {**values, **{f"grad.{name}": tensor.grad for name, tensor in tensors.items()}}


def train(model, batch, tensors, method, allocator=None):
    """Losses before each of STEPS steps on the whole batch; `tensors` end up trained."""
    fast = [tensor for name, tensor in tensors.items() if "lr_ratio" in method and name.endswith(".lora_B")]
    slow = [tensor for tensor in tensors.values() if all(tensor is not other for other in fast)]
    rates = [{"params": slow, "lr": method["lr"]}, {"params": fast, "lr": method["lr"] * method.get("lr_ratio", 1)}]
    optimizer = torch.optim.AdamW([group for group in rates if group["params"]], foreach=False, **golden_values.ADAMW)
    lines, losses = method_prefixes.extended(batch, tensors), []
    for step in range(golden_values.STEPS):
        loss = small_models.loss_of(method_prefixes.forward(model, batch, tensors), lines)
        objective(loss, tensors, method).backward()
        optimizer.step()
        if allocator:
            allocator.after_step(step)
        optimizer.zero_grad()
        losses.append(loss.detach())
    return torch.stack(losses)


def training_values(folder, batch, dtype, method, init):
    """The training from the method's proper start, and the allocator's record where there is one."""
    model = small_models.load(folder, dtype)
    start = method_modules.started(model, trainable(init, dtype))
    tensors = trainable({**init, **start}, dtype)
    method_modules.attach(model, tensors, scale_of(method), method.get("activation"))
    allocator = adalora_ranks.RankAllocator(tensors, method["ranks"]) if "ranks" in method else None
    values = {f"start.{name}": tensor for name, tensor in start.items()}
    values["losses"] = train(model, batch, tensors, method, allocator)
    values.update({f"final.{name}": tensor for name, tensor in tensors.items()})
    if allocator:
        values["ranks"] = allocator.ranks()
    return values, allocator.record if allocator else None


def pissa_values(folder, batch, dtype, method):
    """PiSSA (arXiv 2404.02948): A and B take over the leading singular triples. Only products, as signs are arbitrary."""
    model, scale, tensors, products = small_models.load(folder, dtype), scale_of(method), {}, {}
    for layer in range(len(lora_sites.layers(model))):
        for site in method["sites"]:
            name, weight = f"layers.{layer}.{site}", method_modules.site_weight(model, layer, site)
            with torch.no_grad():
                u, s, v = torch.linalg.svd(weight, full_matrices=False)
                root = (s[: method["r"]] / scale).sqrt()
                tensors[f"{name}.lora_A"] = root[:, None] * v[: method["r"]]
                tensors[f"{name}.lora_B"] = u[:, : method["r"]] * root
                products[name] = scale * tensors[f"{name}.lora_B"] @ tensors[f"{name}.lora_A"]
                weight -= products[name]
    tensors = trainable(tensors, dtype)
    method_modules.attach(model, tensors, scale, None)
    values = {f"start.{name}.product": product for name, product in products.items()}
    values["losses"] = train(model, batch, tensors, method)
    for name, product in products.items():
        values[f"final.{name}.delta"] = scale * tensors[f"{name}.lora_B"] @ tensors[f"{name}.lora_A"] - product
    return values


def layer_values(folder, batch, dtype, method):
    """Full fine-tuning of the last layers' own tensors."""
    model = small_models.load(folder, dtype).requires_grad_(False)
    top = lora_sites.layers(model)[-method["layers"] :].requires_grad_(True)
    return {"losses": train(model, batch, dict(top.named_parameters()), method)}


def method_values(folder, batch, dtype, name, init):
    """(every tensor of the method, detached; record of the rank allocation or None)."""
    method, record = METHODS[name], None
    if name == "pissa":
        values = pissa_values(folder, batch, dtype, method)
    elif name == "ft_top2":
        values = layer_values(folder, batch, dtype, method)
    else:
        values = initial_values(folder, batch, dtype, method, init)
        training, record = training_values(folder, batch, dtype, method, init)
        values.update(training)
    return {key: value.detach() for key, value in values.items()}, record


def fp32_deviation(truth, single):
    """As make_goldens.fp32_deviation, a group being the first word of a name."""
    groups = {}
    for name, value in truth.items():
        error = make_goldens.relative_error(single[name], value)
        group = name.split(".")[0]
        if error > groups.get(group, {"relative_error": -1.0})["relative_error"]:
            groups[group] = {"relative_error": float(f"{error:.2e}"), "tensor": name}
    return groups


def stored(case, method, values):
    """Logits are kept for one family, and for methods that add something to LoRA: `nll` and gradients say as much."""
    keep = case == "gpt2_tied" and method.get("kind") != "lora"
    return {name: value for name, value in values.items() if keep or name != "logits"}


def write_method(case, name, seed):
    source = make_goldens.GOLDENS / case
    batch = small_models.read_batch(source / "batch.jsonl")
    method = METHODS[name]
    init = draw(small_models.load(source), method, seed)
    values, allocation = method_values(source, batch, torch.float64, name, init)
    single, single_allocation = method_values(source, batch, torch.float32, name, init)
    checks = method_checks.check(source, batch, name, method, values)
    if allocation:
        steps = [(entry["budget"], entry["nonzero_triples"]) for entry in allocation]
        assert steps == [(e["budget"], e["nonzero_triples"]) for e in single_allocation], f"{case}: fp32 keeps other triples"
    make_goldens.write_tensors(make_goldens.GOLDENS / "methods" / case / f"{name}.safetensors", stored(case, method, values))
    losses = values["losses"]
    assert losses[-1] < losses[0] - 0.3, f"{case} {name}: the loss hardly moves"
    print(case, name, [round(losses[i].item(), 3) for i in (0, -1)], checks, flush=True)
    return {
        **method,
        **({"scale": scale_of(method)} if "alpha" in method else {}),
        **({"prefix_tokens": method_prefixes.PREFIX} if "prefix" in method else {}),
        **({"infix_tokens": method_prefixes.INFIX} if "prefix" in method and method["prefix"] != "prefix_kv" else {}),
        **({"trained_parameters": sum(tensor.numel() for tensor in init.values())} if init else {}),
        **({"allocation": allocation} if allocation else {}),
        "fp32_deviation": fp32_deviation(values, single),
        "checks": {key: float(f"{error:.1e}") for key, error in checks.items()},
    }


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    chosen = sys.argv[1:]
    for number, case in enumerate(CASES):
        folder = make_goldens.GOLDENS / "methods" / case
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "methods.json"
        methods = json.loads(path.read_text())["methods"] if chosen and path.exists() else {}
        for index, name in enumerate(METHODS):
            if not chosen or name in chosen:
                methods[name] = write_method(case, name, 7000 + 100 * number + index)
        record = {
            "model": case,
            "adamw": {**golden_values.ADAMW, "steps": golden_values.STEPS, "learning_rate": "constant"},
            "methods": {name: methods[name] for name in METHODS if name in methods},
            "made_with": {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__},
        }
        path.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
