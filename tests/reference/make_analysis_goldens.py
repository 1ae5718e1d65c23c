"""NumPy's answers to the subspace analysis of adapters that PEFT wrote (peft/), on their small bases (goldens/).

    python tests/reference/make_analysis_goldens.py

Needs numpy, safetensors. Products are formed and decomposed whole, in double precision: the program does neither.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

HERE = Path(__file__).resolve().parent
SITES = {"q_proj": ["Wq"], "v_proj": ["Wv"], "down_proj": ["W2"], "c_attn": ["Wq", "Wk", "Wv"]}


def factors(name):
    """(layer, site) -> A, B, the scale and the name of the base's tensor with its place in it."""
    config = json.loads((HERE / "peft" / name / "adapter_config.json").read_text())
    scale = config["lora_alpha"] / (np.sqrt(config["r"]) if config["use_rslora"] else config["r"])
    tensors = load_file(HERE / "peft" / name / "adapter_model.safetensors")
    found = {}
    for key in tensors:
        if not key.endswith(".lora_A.weight"):
            continue
        module = key.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        layer = int(next(part for part in module.split(".") if part.isdigit()))
        sites = SITES[module.split(".")[-1]]
        a = tensors[key].astype(np.float64)
        b = np.split(tensors[key.replace("lora_A", "lora_B")].astype(np.float64), len(sites))
        for i, site in enumerate(sites):
            found[layer, site] = a, b[i], scale, module + ".weight", i
    return found


def weight(base, tensor, part):
    tensors = load_file(HERE / "goldens" / base / "model.safetensors")
    values = tensors.get(tensor, tensors.get(tensor.removeprefix("transformer.").removeprefix("model.")))
    values = values.astype(np.float64)
    if "c_attn" in tensor:
        return np.split(values, 3, axis=1)[part].T  # Conv1D is stored [in, out]
    return values


def phi(u, v):
    grid = [[np.sum((u[:, :i].T @ v[:, :j]) ** 2) / min(i, j) for j in range(1, v.shape[1] + 1)]
            for i in range(1, u.shape[1] + 1)]
    return grid


def right(a):
    return np.linalg.svd(a, full_matrices=False)[2].T


def main():
    answers = {"spectra": {}, "phi": [], "amplification": {}}
    bases = {"gpt2_c_attn": "gpt2_tied", "llama_rslora": "llama_gqa"}
    for name, base in bases.items():
        answers["spectra"][name] = []
        answers["amplification"][name] = []
        for (layer, site), (a, b, scale, tensor, part) in sorted(factors(name).items()):
            rank = a.shape[0]
            u, s, vt = np.linalg.svd(scale * b @ a, full_matrices=False)
            u, s, vt = u[:, :rank], s[:rank], vt[:rank]
            answers["spectra"][name].append({"layer": layer, "site": site, "singular_values": s.tolist()})
            w = weight(base, tensor, part)
            norm = float(np.linalg.norm(s))
            projected = float(np.linalg.norm(u.T @ w @ vt.T))
            answers["amplification"][name].append(
                {"layer": layer, "site": site, "update_norm": norm, "projected": projected,
                 "projected_weight": float(np.linalg.norm(np.linalg.svd(w)[1][:rank])),
                 "projected_random": float(rank / np.sqrt(w.size) * np.linalg.norm(w)),
                 "weight_norm": float(np.linalg.norm(w)), "amplification": norm / projected,
                 "unscaled_amplification": norm / projected / scale})
    gpt2, llama = factors("gpt2_c_attn"), factors("llama_rslora")
    for site, layer, other in [("Wq", 0, 1), ("Wv", 1, 0)]:
        a, b, scale = gpt2[layer, site][:3]
        a2, b2, scale2 = gpt2[other, site][:3]
        answers["phi"].append({"adapter": "gpt2_c_attn", "site": site, "layer": layer, "other_layer": other,
                               "a": phi(right(a), right(a2)),
                               "dw": phi(right(b @ a)[:, : len(a)], right(b2 @ a2)[:, : len(a2)]),
                               "dw_left": phi(right((b @ a).T)[:, : len(a)], right((b2 @ a2).T)[:, : len(a2)])})
    a, b = llama[0, "Wq"][:2]
    a2, b2 = llama[1, "Wq"][:2]
    answers["phi"].append({"adapter": "llama_rslora", "site": "Wq", "layer": 0, "other_layer": 1,
                           "a": phi(right(a), right(a2)), "dw": phi(right(b @ a)[:, : len(a)], right(b2 @ a2)[:, : len(a2)]),
                           "dw_left": phi(right((b @ a).T)[:, : len(a)], right((b2 @ a2).T)[:, : len(a2)])})
    (HERE / "goldens" / "analysis.json").write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main()
