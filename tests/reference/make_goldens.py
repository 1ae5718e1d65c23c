"""Write goldens/: small random models and what PyTorch and transformers compute with them.

    HF_HUB_OFFLINE=1 python make_goldens.py [CASE ...]

Everything is computed in float64 and stored rounded to fp32, so that fp32 kernels are compared with the truth. golden.json
holds the settings and, per group of tensors, how far PyTorch's own fp32 lands from it: no engine can be asked for less.
README.md in this folder names the tensors.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, get_scheduler

import golden_values
import lora_sites
import small_models

GOLDENS = Path(__file__).resolve().parent / "goldens"
LENGTHS = [(5, 3), (1, 1), (12, 4), (3, 7), (1, 6), (9, 2)]
# Long enough that a scaled wavelength and an unscaled one differ.
LONG_LENGTHS = [(30, 6), (1, 1), (5, 9), (2, 3), (3, 1)]
FULL_FINALS = ("gpt2_tied", "llama_gqa")


def relative_error(value, truth):
    """Relative Frobenius error; the absolute norm where the truth is zero."""
    value, truth = value.double(), truth.double()
    return (torch.linalg.vector_norm(value - truth) / (torch.linalg.vector_norm(truth) or 1.0)).item()


def group_of(name):
    parts = name.split(".")
    return name if parts[0] in ("losses", "grad_norms", "lora") else ".".join(parts[:2]) if len(parts) > 1 else name


def fp32_deviation(truth, single):
    """Group -> the largest relative Frobenius error of PyTorch's fp32 in it, and the tensor that has it."""
    groups = {}
    for name, value in truth.items():
        error = relative_error(single[name], value)
        worst = groups.setdefault(group_of(name), {"relative_error": -1.0})
        if error > worst["relative_error"]:
            groups[group_of(name)] = {"relative_error": float(f"{error:.2e}"), "tensor": name}
    return groups


def check_against_transformers(folder, batch, logits):
    """The folder as transformers itself reads and runs it, in fp32, gives these logits."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        error = relative_error(small_models.forward(model, batch), logits)
    assert error < 2e-6, f"{folder}: transformers' logits differ by {error:.1e}"
    return error


def check_merged(folder, batch, adapters, lora_logits):
    """Weights with the adapters added give the adapters' logits."""
    model = small_models.load(folder)
    lora_sites.merge(model, adapters, golden_values.ALPHA / golden_values.RANK)
    with torch.no_grad():
        error = relative_error(small_models.forward(model, batch), lora_logits)
    assert error < 1e-12, f"{folder}: merged weights differ by {error:.1e}"
    return error


def check_against_peft(folder, batch, adapters, values):
    """PEFT with the same A and B gives the same logits and gradients (families whose modules are sites)."""
    base = small_models.load(folder)
    names = {lora_sites.LLAMA_MODULES[site].split(".")[-1] for _, site in adapters}
    settings = LoraConfig(r=golden_values.RANK, lora_alpha=golden_values.ALPHA, target_modules=sorted(names))
    model = get_peft_model(base, settings, autocast_adapter_dtype=False).double().eval()
    pairs = {}
    for (layer, site), (a, b) in adapters.items():
        module = base.model.layers[layer].get_submodule(lora_sites.LLAMA_MODULES[site])
        pairs[layer, site] = module.lora_A["default"].weight, module.lora_B["default"].weight
        with torch.no_grad():
            pairs[layer, site][0].copy_(a)
            pairs[layer, site][1].copy_(b)
    logits = small_models.forward(model, batch)
    small_models.loss_of(logits, batch).backward()
    gradients = golden_values.lora_names("grad.lora", {key: (a.grad, b.grad) for key, (a, b) in pairs.items()})
    error = max(relative_error(value, values[name]) for name, value in {**gradients, "lora.logits": logits}.items())
    assert error < 1e-12, f"{folder}: PEFT differs by {error:.1e}"
    return error


def write_tensors(path, values):
    save_file({name: value.detach().float().contiguous() for name, value in values.items()}, path)


def new_folder(path):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def write_model(folder, config, seed):
    model = small_models.build(config, seed)
    small_models.write_config(folder, config)
    tied = config.tie_word_embeddings
    weights = {n: p for n, p in model.state_dict().items() if not (tied and n == "lm_head.weight")}
    write_tensors(folder / "model.safetensors", weights)
    return model


def write_case(name, config, seed):
    folder = new_folder(GOLDENS / name)
    model = write_model(folder, config, seed)
    if name == "llama_linear_rope":
        small_models.rewrite_rope_in_older_spelling(folder)
    lengths = LONG_LENGTHS if name == "llama3_rope" else LENGTHS
    batch = small_models.draw_batch(config.vocab_size, seed + 1, lengths)
    small_models.write_batch(folder, batch)
    adapters = lora_sites.draw_adapters(model, golden_values.RANK, seed + 2)

    full_finals = name in FULL_FINALS
    values = golden_values.golden_values(folder, batch, torch.float64, adapters, full_finals)
    single = golden_values.golden_values(folder, batch, torch.float32, adapters, full_finals)
    write_tensors(folder / "golden.safetensors", values)

    checks = {
        "transformers_fp32_logits": check_against_transformers(folder, batch, values["logits"]),
        "merged_lora_logits": check_merged(folder, batch, adapters, values["lora.logits"]),
    }
    if config.model_type != "gpt2":
        checks["peft_logits_and_gradients"] = check_against_peft(folder, batch, adapters, values)
    methods = {
        method: {**run, "trained_parameters": trained_parameters(values, model, method)}
        for method, run in golden_values.RUNS.items()
        if f"losses.{method}" in values
    }
    record = {
        "tokens": sum(map(sum, lengths)),
        "target_tokens": sum(t for _, t in lengths),
        "lora": {"r": golden_values.RANK, "alpha": golden_values.ALPHA, "scale": golden_values.ALPHA / golden_values.RANK},
        "adamw": {**golden_values.ADAMW, "steps": golden_values.STEPS, "learning_rate": "constant unless a schedule is named"},
        "methods": methods,
        "fp32_deviation": fp32_deviation(values, single),
        "checks": {key: float(f"{error:.1e}") for key, error in checks.items()},
        "made_with": {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__},
    }
    (folder / "golden.json").write_text(json.dumps(record, indent=2) + "\n")
    moved = {m: [round(values[f"losses.{m}"][i].item(), 3) for i in (0, -1)] for m in methods}
    print(name, f"logits std {values['logits'].std().item():.2f}", moved, checks, flush=True)


def trained_parameters(values, model, method):
    if method == "full":
        return sum(p.numel() for p in model.parameters())
    return sum(v.numel() for n, v in values.items() if n.startswith(f"final.{method}."))


def write_schedules():
    """Learning-rate multipliers that steps 0..29 are taken with."""
    total, table = 30, {}
    for kind in ("linear", "cosine", "constant_with_warmup"):
        table[kind] = {}
        for warmup in (0, 5):
            optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
            scheduler = get_scheduler(kind, optimizer, warmup, total)
            table[kind][str(warmup)] = []
            for _ in range(total):
                table[kind][str(warmup)].append(scheduler.get_last_lr()[0])
                optimizer.step()
                scheduler.step()
    text = json.dumps({"total_steps": total, "multipliers_by_warmup_steps": table}, indent=1)
    (GOLDENS / "schedules.json").write_text(text + "\n")


def write_dtypes():
    """One tiny LLaMA in the storage variants that checkpoints come in, and the unprefixed spelling of GPT-2's names."""
    parent = new_folder(GOLDENS / "dtypes")
    llama = LlamaConfig(
        **{**small_models.LLAMA, "hidden_size": 24, "intermediate_size": 40, "num_attention_heads": 2, "num_key_value_heads": 1}
    )
    gpt2 = transformers.GPT2Config(**{**small_models.GPT2, "n_embd": 24, "n_head": 2, "n_positions": 16}, vocab_size=97)
    variants = {"bf16": torch.bfloat16, "f16": torch.float16, "sharded": torch.float32, "unprefixed_gpt2": torch.float32}
    for name, dtype in variants.items():
        folder = new_folder(parent / name)
        config = gpt2 if name == "unprefixed_gpt2" else llama
        model = write_model(folder, config, 91)
        weights = {n: w.to(dtype) for n, w in load_file(folder / "model.safetensors").items()}
        batch = small_models.draw_batch(config.vocab_size, 92, [(6, 2), (1, 3)])
        small_models.write_batch(folder, batch)
        model.load_state_dict({n: w.float() for n, w in weights.items()}, strict=not config.tie_word_embeddings)
        model = small_models.keep_dtype(model.double())
        with torch.no_grad():
            write_tensors(folder / "golden.safetensors", {"logits": small_models.forward(model, batch)})
        values = json.loads((folder / "config.json").read_text())
        values["dtype"] = str(dtype).removeprefix("torch.")
        (folder / "config.json").write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")
        write_variant(folder, name, weights, config)


def write_variant(folder, name, weights, config):
    path = folder / "model.safetensors"
    if name == "unprefixed_gpt2":
        # OpenAI's own upload lacks `transformer.` and stores each layer's causal mask as a weight.
        weights = {n.removeprefix("transformer."): w for n, w in weights.items()}
        size = config.n_positions
        for layer in range(config.n_layer):
            weights[f"h.{layer}.attn.bias"] = torch.tril(torch.ones(size, size)).reshape(1, 1, size, size)
    if name == "sharded":
        path.unlink()
        write_shards(folder, weights)
    else:
        save_file(weights, path)


def write_shards(folder, weights):
    first = {n: w for n, w in weights.items() if ".layers.1." not in n}
    shards = {"model-00001-of-00002.safetensors": first}
    shards["model-00002-of-00002.safetensors"] = {n: w for n, w in weights.items() if n not in first}
    for file, part in shards.items():
        save_file(part, folder / file)
    index = {
        "metadata": {"total_size": sum(w.numel() * w.element_size() for w in weights.values())},
        "weight_map": {n: file for file, part in shards.items() for n in sorted(part)},
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    chosen = sys.argv[1:]
    for number, (name, config) in enumerate(small_models.cases().items()):
        if not chosen or name in chosen:
            write_case(name, config, 100 * (number + 1))
    if not chosen:
        write_schedules()
        write_dtypes()


if __name__ == "__main__":
    main()
