"""Write peft/: adapters that PEFT itself saved on the golden models, and the likelihoods that PEFT gives with them.

    HF_HUB_OFFLINE=1 python make_peft_adapters.py        (after make_goldens.py)

Each folder holds adapter_config.json and adapter_model.safetensors as PEFT's save_pretrained writes them, A and B random and
non-zero, and nll.json: the golden case it belongs to (its model and batch.jsonl) and the summed NLL of each line's target,
computed in float64 through PEFT, beside that of the base alone.
"""

import json
import math
import shutil
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

import small_models

HERE = Path(__file__).resolve().parent
ADAPTERS = {
    "gpt2_c_attn": ("gpt2_tied", dict(r=4, lora_alpha=8, target_modules=["c_attn"], fan_in_fan_out=True)),
    "gpt2_c_attn_c_proj_c_fc": (
        "gpt2_tied",
        dict(r=3, lora_alpha=5, target_modules=["c_attn", "attn.c_proj", "mlp.c_fc"], fan_in_fan_out=True),
    ),
    "llama_q_v": ("llama_gqa", dict(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj"])),
    "llama_patterns": (
        "llama_gqa",
        dict(
            r=4,
            lora_alpha=8,
            target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
            rank_pattern={"^model.layers.0.self_attn.q_proj": 5, "v_proj": 2},
            alpha_pattern={"layers.1.self_attn.q_proj": 3, "o_proj": 10},
        ),
    ),
    "llama_rslora": ("llama_gqa", dict(r=4, lora_alpha=6, target_modules=["q_proj", "down_proj"], use_rslora=True)),
    "llama_layers": (
        "llama_mqa_bias",
        dict(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj"], layers_to_transform=[1]),
    ),
    "qwen2_all_linear": ("qwen2", dict(r=2, lora_alpha=4, target_modules="all-linear")),
}


def randomize(model, seed):
    """A with the spread that PEFT starts from; B far from zero, so that the adapter changes the outputs."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                std = 0.3 if "lora_B" in name else 1.0 / math.sqrt(parameter.shape[1])
                parameter.copy_(std * torch.randn(parameter.shape, generator=generator))


def line_nll(model, batch):
    with torch.no_grad():
        return small_models.line_nll(small_models.forward(model, batch), batch).tolist()


def write_sorted_config(folder):
    """PEFT stores target modules in a set's order, which differs from run to run; no path of the base model is kept."""
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = None
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write_adapter(name, case, settings, seed):
    folder = HERE / "peft" / name
    shutil.rmtree(folder, ignore_errors=True)
    base = HERE / "goldens" / case
    batch = small_models.read_batch(base / "batch.jsonl")
    model = get_peft_model(small_models.load(base, torch.float32), LoraConfig(task_type="CAUSAL_LM", **settings))
    randomize(model, seed)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    write_sorted_config(folder)

    # Through the files, as a user loads them.
    loaded = PeftModel.from_pretrained(small_models.load(base), folder, autocast_adapter_dtype=False).double().eval()
    nll = line_nll(loaded, batch)
    with loaded.disable_adapter():
        base_nll = line_nll(loaded, batch)
    assert max(abs(a - b) for a, b in zip(nll, base_nll)) > 0.1, f"{name}: the adapter changes nothing"
    assert max(abs(a - b) for a, b in zip(nll, line_nll(model, batch))) < 1e-3, f"{name}: saved differs from live"
    record = {"model": case, "nll": nll, "base_nll": base_nll}
    (folder / "nll.json").write_text(json.dumps(record, indent=2) + "\n")
    print(name, [round(x, 3) for x in nll], "base", [round(x, 3) for x in base_nll], flush=True)


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    for number, (name, (case, settings)) in enumerate(ADAPTERS.items()):
        write_adapter(name, case, settings, 5000 + number)


if __name__ == "__main__":
    main()
