#!/usr/bin/env python3
"""NumPy on the work of rankscope's analysis of LoRA adapters; `./rankscope bench analysis` makes FOLDER and calls this.

    analysis_speed.py --work NAME --folder FOLDER [--json]

phi_a, phi_dw: two adapters of rank 64 in 12,288 dimensions, FOLDER/one and FOLDER/other: singular vectors of both, and phi(i, j)
for all i, j; of A (svd) and of dW = B A (QR of the factors, svd of the product of their R). The median of 5 rounds.
amplification: ||U^T W V|| by dW's vectors, W being 12,288 x 12,288, and by W's own 64 leading ones (randomised subspace
iteration until the residual is below 1e-6 of the largest value). Reading files is counted.
sweep: adapters of ranks 1, 2, 4, ..., 128 with five seeds at 12 layers x 4 matrices of 768 x 768, drawn outside the clock: the
pairs, Table 7 with its random columns, the spectra and the bands of chance that `analysis: {}` asks of a sweep.
"""

import argparse
import json
import time

import numpy as np

WIDTH, RANK = 12288, 64
MODULE = "base_model.model.model.layers.0.self_attn.q_proj."
RANKS, SEEDS, PLACES, SWEEP_WIDTH = [1, 2, 4, 8, 16, 32, 64, 128], 5, 48, 768


def factors(folder, name):
    from safetensors.numpy import load_file

    tensors = load_file(f"{folder}/{name}/adapter_model.safetensors")
    return (tensors[MODULE + "lora_A.weight"].astype(np.float64), tensors[MODULE + "lora_B.weight"].astype(np.float64))


def right_vectors(a):
    return np.linalg.svd(a, full_matrices=False)[2].T


def update(a, b):
    qa, ra = np.linalg.qr(a.T)
    qb, rb = np.linalg.qr(b)
    u, s, vt = np.linalg.svd(rb @ ra.T)
    return qb @ u, s, qa @ vt.T


def phi_of_products(products):
    i, j = (np.arange(1, n + 1) for n in products.shape[-2:])
    return (products**2).cumsum(-2).cumsum(-1) / np.minimum.outer(i, j)


def compare(u, v):
    """phi, and the principal angles."""
    products = u.T @ v
    return phi_of_products(products), np.arccos(np.clip(np.linalg.svd(products, compute_uv=False), 0, 1))


def phi_of_a(folder):
    return compare(*(right_vectors(factors(folder, name)[0]) for name in ("one", "other")))


def phi_of_dw(folder):
    return compare(*(update(*factors(folder, name))[2] for name in ("one", "other")))


def amplification(folder):
    from safetensors.numpy import load_file

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
    return np.linalg.norm(s) / projected, np.linalg.norm(values[:RANK]), np.linalg.norm(w)


def band(rows, cols, draws=400):
    """Between which 95 % of the phi of random subspaces lie; by Bartlett's decomposition, all draws at once."""
    rows, cols = max(rows, cols), min(rows, cols)
    random = np.random.default_rng(2)
    top = random.standard_normal((draws, rows, cols))
    factor = np.triu(random.standard_normal((draws, cols, cols)), 1)
    diagonal = np.arange(cols)
    factor[:, diagonal, diagonal] = np.sqrt(random.chisquare(SWEEP_WIDTH - rows - diagonal, (draws, cols)))
    lower = np.linalg.cholesky(top.transpose(0, 2, 1) @ top + factor.transpose(0, 2, 1) @ factor)
    phi = phi_of_products(np.linalg.solve(lower, top.transpose(0, 2, 1)))
    return np.partition(phi, (10, draws - 11), axis=0)[[10, draws - 11]]


def sweep_inputs():
    """[(A, A at the start, B)] by place, rank and seed, and W by place; as float32, as files hold them."""
    random = np.random.default_rng(0)

    def normal(*shape):
        return random.standard_normal(shape, dtype=np.float32)

    adapters = [[[(normal(r, SWEEP_WIDTH), normal(r, SWEEP_WIDTH), normal(SWEEP_WIDTH, r) / 100) for _ in range(SEEDS)]
                 for r in RANKS] for _ in range(PLACES)]
    return adapters, [normal(SWEEP_WIDTH, SWEEP_WIDTH) / 50 for _ in range(PLACES)]


def sweep(inputs):
    random = np.random.default_rng(1)
    for adapters, w in zip(*inputs):
        w = w.astype(np.float64)
        left, values, right = np.linalg.svd(w)
        tenth = right[: SWEEP_WIDTH // 10 + 1].T
        found = []
        for of_rank in adapters:
            found.append([])
            for a, start, b in of_rank:
                a, start, b = (x.astype(np.float64) for x in (a, start, b))
                u, s, v = update(a, b)
                found[-1].append((right_vectors(a), v, right_vectors(start)))
                np.linalg.norm(u.T @ (w @ v))
                u, v = (np.linalg.qr(random.standard_normal(b.shape))[0] for _ in range(2))
                np.linalg.norm(u.T @ (w @ v))
        for of_rank in found:
            for seed, one in enumerate(of_rank):
                others = of_rank[seed + 1 :] + ([found[-1][seed]] if of_rank is not found[-1] else [])
                for other in others:
                    for mine, theirs in zip(one, other):
                        compare(mine, theirs)
                for mine in one[:2]:
                    compare(mine, tenth)
                compare(one[0], one[2])
    for rank in RANKS:
        for cols in {rank, RANKS[-1], SWEEP_WIDTH // 10 + 1}:
            band(rank, cols)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--work", required=True, choices=["phi_a", "phi_dw", "amplification", "sweep"])
    options.add_argument("--folder", help="what `bench analysis` made; sweep needs none")
    options.add_argument("--json", action="store_true")
    options = options.parse_args()
    work = {"phi_a": phi_of_a, "phi_dw": phi_of_dw, "amplification": amplification, "sweep": sweep}[options.work]
    argument = sweep_inputs() if options.work == "sweep" else options.folder
    seconds = []
    for _ in range(5 if options.work.startswith("phi") else 1):
        began = time.perf_counter()
        work(argument)
        seconds.append(time.perf_counter() - began)
    line = {"work": options.work, "seconds": sorted(seconds)[len(seconds) // 2]}
    print(json.dumps(line) if options.json else f"{options.work}: {line['seconds']:.3f} s")


if __name__ == "__main__":
    main()
