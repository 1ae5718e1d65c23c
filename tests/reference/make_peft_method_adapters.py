"""Write more of peft/: DoRA, AdaLoRA, PiSSA, prefix and prompt tuning as PEFT itself saves them.

    HF_HUB_OFFLINE=1 python make_peft_method_adapters.py        (after make_goldens.py)

Each folder holds what make_peft_adapters.py's do: the two files of save_pretrained, random and non-zero, and nll.json with the
likelihoods that PEFT gives in float64 to the loaded folder. README.md in this folder describes the tensors.
"""

import json
import math
import shutil
import tempfile
from pathlib import Path

import torch
import transformers
from peft import AdaLoraConfig, LoraConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file

import lora_sites
import make_peft_adapters
import method_modules
import method_prefixes
import small_models

HERE = Path(__file__).resolve().parent
DORA = dict(r=3, lora_alpha=6, use_dora=True)
# Five steps of pruning, then two with the last mask.
ADALORA = dict(init_r=6, target_r=3, lora_alpha=9, tinit=2, tfinal=3, deltaT=1, total_step=10)
ADALORA_LEARNING_RATE = 3e-2
ADAPTERS = {
    "gpt2_dora_c_attn": ("gpt2_tied", LoraConfig(target_modules=["c_attn"], fan_in_fan_out=True, **DORA)),
    "llama_dora_q_v_up": ("llama_gqa", LoraConfig(target_modules=["q_proj", "v_proj", "up_proj"], **DORA)),
    "llama_adalora": ("llama_gqa", AdaLoraConfig(target_modules=["q_proj", "k_proj", "v_proj", "o_proj"], **ADALORA)),
    "gpt2_prefix_tuning": ("gpt2_tied", PrefixTuningConfig(num_virtual_tokens=3)),
    "llama_prefix_tuning": ("llama_gqa", PrefixTuningConfig(num_virtual_tokens=3)),
    "gpt2_prompt_tuning": ("gpt2_tied", PromptTuningConfig(num_virtual_tokens=4)),
    "llama_prompt_tuning": ("llama_gqa", PromptTuningConfig(num_virtual_tokens=4)),
    "llama_pissa": (
        "llama_gqa",
        LoraConfig(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj"], init_lora_weights="pissa"),
    ),
}


@torch.no_grad()
def randomize(model, seed):
    """A with the spread that PEFT starts from, B and prompts far from zero; magnitudes and PiSSA's factors are moved."""
    generator = torch.Generator().manual_seed(seed)
    pissa = getattr(model.peft_config["default"], "init_lora_weights", None) == "pissa"
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "lora_magnitude_vector" in name:
            parameter.mul_(torch.exp(0.2 * noise))
        elif "prompt_encoder" in name:
            parameter.copy_(0.7 * noise)
        elif "lora_" in name and pissa:
            parameter.add_(0.1 * noise)
        elif "lora_" in name:
            parameter.copy_((0.3 if "lora_B" in name else 1.0 / math.sqrt(parameter.shape[1])) * noise)


def train_adalora(model, batch, seed):
    """Steps that bring the ranks down, in the order of PEFT's own example."""
    torch.manual_seed(seed)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=ADALORA_LEARNING_RATE, foreach=False)
    for step in range(ADALORA["total_step"]):
        small_models.loss_of(small_models.forward(model, batch), batch).backward()
        optimizer.step()
        model.base_model.update_and_allocate(step)
        optimizer.zero_grad()


@torch.no_grad()
def line_nll(model, batch):
    """Summed NLL of each line's target; prompt tuning's logits begin with rows of its virtual tokens."""
    rows = []
    for line in batch:
        ids = line["prompt_ids"] + line["target_ids"]
        rows.append(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -len(ids) :])
    return small_models.line_nll(torch.cat(rows), batch).tolist()


def change_and_save(model, batch, folder, seed):
    """Move the adapter away from its start and save it, PiSSA as the plain LoRA that it comes to."""
    config = model.peft_config["default"]
    if isinstance(config, AdaLoraConfig):
        train_adalora(model, batch, seed)
        model.save_pretrained(folder)
    elif getattr(config, "init_lora_weights", None) == "pissa":
        with tempfile.TemporaryDirectory() as parent:
            start = Path(parent) / "pissa_start"
            # PEFT would take the start away from the weights again on loading it, unless it says that it is plain LoRA.
            config.init_lora_weights = True
            model.save_pretrained(start)
            config.init_lora_weights = "pissa"
            randomize(model, seed)
            model.save_pretrained(folder, path_initial_model_for_weight_conversion=str(start))
    else:
        randomize(model, seed)
        model.save_pretrained(folder)
    (folder / "README.md").unlink()


def nll_by_hand(model, batch, folder):
    """The likelihoods from the two files without PEFT: what README.md says of their layout, as code."""
    config = json.loads((folder / "adapter_config.json").read_text())
    saved = {name: tensor.double() for name, tensor in load_file(folder / "adapter_model.safetensors").items()}
    if config["peft_type"] == "PROMPT_TUNING":
        return make_peft_adapters.line_nll(lambda input_ids, **_: prompted(model, input_ids, saved["prompt_embeddings"]), batch)
    if config["peft_type"] == "PREFIX_TUNING":
        parts = saved["prompt_embeddings"].chunk(2 * config["num_layers"], dim=1)
        tensors = {f"layers.{i // 2}.prefix_{('key', 'value')[i % 2]}": part for i, part in enumerate(parts)}
    else:
        # The rank in AdaLoRA's scale is the one that training began with, whatever is left of it.
        rank = config["init_r"] + 1e-5 if config["peft_type"] == "ADALORA" else config["r"]
        tensors = site_tensors(model, saved)
        method_modules.attach(model, tensors, config["lora_alpha"] / rank, None)
    with torch.no_grad():
        return small_models.line_nll(method_prefixes.forward(model, batch, tensors), batch).tolist()


def prompted(model, input_ids, prompt):
    embeddings = torch.cat((prompt[None], model.get_input_embeddings()(input_ids)), dim=1)
    outputs = model(inputs_embeds=embeddings, use_cache=False)
    outputs.logits = outputs.logits[:, len(prompt) :]
    return outputs


def site_tensors(model, saved):
    """PEFT's tensors by site; of c_attn's, B and the magnitudes are split by output, and A is every part's."""
    tensors = {}
    for layer, site in lora_sites.sites(model):
        path, first, _, d_out = lora_sites.locate(model, layer, site)
        blocks = "transformer.h" if lora_sites.is_gpt2(model) else "model.layers"
        for name, tensor in saved.items():
            module, _, leaf = name.removesuffix(".weight").rpartition(".")
            if module == f"base_model.model.{blocks}.{layer}.{path}":
                leaf = {"lora_magnitude_vector": "magnitude"}.get(leaf, leaf)
                part = tensor if leaf == "lora_A" else tensor.reshape(-1) if leaf == "lora_E" else tensor[first : first + d_out]
                tensors[f"layers.{layer}.{site}.{leaf}"] = part
    return tensors


def write_config(folder):
    """A set's order differs from run to run; no path of the base model is kept."""
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = None
    if isinstance(config.get("target_modules"), list):
        config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write_adapter(name, case, config, seed):
    folder = HERE / "peft" / name
    shutil.rmtree(folder, ignore_errors=True)
    base = HERE / "goldens" / case
    batch = small_models.read_batch(base / "batch.jsonl")
    config.task_type = "CAUSAL_LM"
    torch.manual_seed(seed)
    model = get_peft_model(small_models.load(base, torch.float32), config).eval()
    change_and_save(model, batch, folder, seed)
    write_config(folder)

    # Through the files, as a user loads them.
    loaded = PeftModel.from_pretrained(small_models.load(base), folder, autocast_adapter_dtype=False).double().eval()
    nll = line_nll(loaded, batch)
    base_nll = line_nll(small_models.load(base), batch)
    assert max(abs(a - b) for a, b in zip(nll, base_nll)) > 0.1, f"{name}: the adapter changes nothing"
    assert max(abs(a - b) for a, b in zip(nll, line_nll(model, batch))) < 1e-3, f"{name}: saved differs from live"
    by_hand = nll_by_hand(small_models.load(base), batch, folder)
    assert max(abs(a - b) for a, b in zip(nll, by_hand)) < 1e-9, f"{name}: the files by hand give {by_hand}"
    record = {"model": case, "nll": nll, "base_nll": base_nll}
    (folder / "nll.json").write_text(json.dumps(record, indent=2) + "\n")
    print(name, [round(x, 3) for x in nll], "base", [round(x, 3) for x in base_nll], flush=True)


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    for number, (name, (case, config)) in enumerate(ADAPTERS.items()):
        write_adapter(name, case, config, 5100 + number)


if __name__ == "__main__":
    main()
