#!/usr/bin/env python3
"""NumPy on the work of `rankscope analyze phi` and `analyze amplification`: two LoRA adapters of rank 64 in 12,288
dimensions, and a W of 12,288 x 12,288.

    analysis_speed.py --make FOLDER             writes the adapters one/ and other/ and, with --weight, the base
    analysis_speed.py --folder FOLDER [--json]  times NumPy on them

phi: singular vectors of both, and phi(i, j) for all i, j; of A (svd) and of dW = B A (QR of the factors, svd of
the product of their R). amplification: ||U^T W V^T|| by dW's vectors, and by W's own 64 leading ones
(randomised subspace iteration until the residual is below 1e-6 of the largest value). Reading files is counted.
"""

import argparse
import json
import os
import time

import numpy as np
from safetensors.numpy import load_file, save_file

WIDTH, RANK = 12288, 64
MODULE = "base_model.model.model.layers.0.self_attn.q_proj."


def make(folder, weight):
    draws = np.random.default_rng(0)
    for name in ("one", "other"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
        a = draws.standard_normal((RANK, WIDTH), dtype=np.float32) / np.sqrt(WIDTH)
        b = draws.standard_normal((WIDTH, RANK), dtype=np.float32) / 100
        save_file({MODULE + "lora_A.weight": a.astype(np.float32), MODULE + "lora_B.weight": b},
                  f"{folder}/{name}/adapter_model.safetensors")
        with open(f"{folder}/{name}/adapter_config.json", "w", encoding="utf-8") as config:
            json.dump({"peft_type": "LORA", "r": RANK, "lora_alpha": RANK, "target_modules": ["q_proj"]}, config)
    if not weight:
        return
    os.makedirs(f"{folder}/base", exist_ok=True)
    with open(f"{folder}/base/config.json", "w", encoding="utf-8") as config:
        json.dump({"model_type": "llama", "hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 96,
                   "num_key_value_heads": 1, "intermediate_size": 8, "vocab_size": 8, "hidden_act": "silu",
                   "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": True}, config)
    # A spectrum that falls as those of trained matrices do.
    left = np.linalg.qr(draws.standard_normal((WIDTH, 256)))[0] * (30 / (1 + np.arange(256)))
    right = np.linalg.qr(draws.standard_normal((WIDTH, 256)))[0]
    w = (left @ right.T + draws.standard_normal((WIDTH, WIDTH), dtype=np.float32) / 400).astype(np.float32)
    small = {"k_proj": (128, WIDTH), "v_proj": (128, WIDTH), "o_proj": (WIDTH, WIDTH)}
    tensors = {"model.layers.0.self_attn.q_proj.weight": w, "model.embed_tokens.weight": np.zeros((8, WIDTH), np.float32),
               "model.norm.weight": np.ones(WIDTH, np.float32),
               "model.layers.0.input_layernorm.weight": np.ones(WIDTH, np.float32),
               "model.layers.0.post_attention_layernorm.weight": np.ones(WIDTH, np.float32),
               "model.layers.0.mlp.gate_proj.weight": np.zeros((8, WIDTH), np.float32),
               "model.layers.0.mlp.up_proj.weight": np.zeros((8, WIDTH), np.float32),
               "model.layers.0.mlp.down_proj.weight": np.zeros((WIDTH, 8), np.float32)}
    for name, shape in small.items():
        tensors[f"model.layers.0.self_attn.{name}.weight"] = np.zeros(shape, np.float16)
    save_file(tensors, f"{folder}/base/model.safetensors")


def factors(folder, name):
    tensors = load_file(f"{folder}/{name}/adapter_model.safetensors")
    return (tensors[MODULE + "lora_A.weight"].astype(np.float64), tensors[MODULE + "lora_B.weight"].astype(np.float64))


def update(a, b):
    qa, ra = np.linalg.qr(a.T)
    qb, rb = np.linalg.qr(b)
    u, s, vt = np.linalg.svd(rb @ ra.T)
    return qb @ u, s, qa @ vt.T


def phi(u, v):
    shared = ((u.T @ v) ** 2).cumsum(0).cumsum(1)
    return shared / np.minimum.outer(np.arange(1, u.shape[1] + 1), np.arange(1, v.shape[1] + 1))


def phi_of_a(folder):
    return phi(*(np.linalg.svd(factors(folder, name)[0], full_matrices=False)[2].T for name in ("one", "other")))


def phi_of_dw(folder):
    return phi(*(update(*factors(folder, name))[2] for name in ("one", "other")))


def amplification(folder):
    w = load_file(f"{folder}/base/model.safetensors")["model.layers.0.self_attn.q_proj.weight"]
    u, s, v = update(*factors(folder, "one"))
    projected = np.linalg.norm(u.T @ (w @ v.astype(np.float32)))
    q = np.linalg.qr(w @ np.random.default_rng(1).standard_normal((WIDTH, RANK + 16), dtype=np.float32))[0]
    for _ in range(100):
        left, values, right = np.linalg.svd(q.T @ w, full_matrices=False)
        image = w @ right.T
        residual = np.linalg.norm(image[:, :RANK] - (q @ left)[:, :RANK] * values[:RANK], axis=0).max()
        if residual <= 1e-6 * values[0]:
            break
        q = np.linalg.qr(image)[0]
    return np.linalg.norm(s) / projected, np.linalg.norm(values[:RANK])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--make", metavar="FOLDER")
    options.add_argument("--weight", action="store_true", help="with --make: also the base, 1 GB")
    options.add_argument("--folder")
    options.add_argument("--json", action="store_true")
    options = options.parse_args()
    if options.make:
        make(options.make, options.weight)
        return
    for name, work in (("phi_a", phi_of_a), ("phi_dw", phi_of_dw), ("amplification", amplification)):
        if name == "amplification" and not os.path.exists(f"{options.folder}/base"):
            continue
        seconds = []
        for _ in range(1 if name == "amplification" else 5):
            began = time.perf_counter()
            work(options.folder)
            seconds.append(time.perf_counter() - began)
        line = {"work": name, "seconds": min(seconds)}
        print(json.dumps(line) if options.json else f"{name}: {min(seconds):.3f} s")


if __name__ == "__main__":
    main()
