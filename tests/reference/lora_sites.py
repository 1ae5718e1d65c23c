"""LoRA in plain PyTorch on named sites: Wq, Wk, Wv, Wo, W1, W2, W3 of every layer, GPT-2's fused c_attn being three sites."""

import math

import torch
from torch import nn

ATTENTION_SITES = ("Wq", "Wk", "Wv", "Wo")
LLAMA_MODULES = {
    "Wq": "self_attn.q_proj",
    "Wk": "self_attn.k_proj",
    "Wv": "self_attn.v_proj",
    "Wo": "self_attn.o_proj",
    "W1": "mlp.up_proj",
    "W2": "mlp.down_proj",
    "W3": "mlp.gate_proj",
}
# Site -> (module, column block of its output); c_attn's output is q, k and v side by side.
GPT2_MODULES = {
    "Wq": ("attn.c_attn", 0),
    "Wk": ("attn.c_attn", 1),
    "Wv": ("attn.c_attn", 2),
    "Wo": ("attn.c_proj", 0),
    "W1": ("mlp.c_fc", 0),
    "W2": ("mlp.c_proj", 0),
}


def is_gpt2(model):
    return model.config.model_type == "gpt2"


def layers(model):
    return model.transformer.h if is_gpt2(model) else model.model.layers


def sites(model):
    """(layer, site) of the whole model, in a fixed order."""
    names = GPT2_MODULES if is_gpt2(model) else LLAMA_MODULES
    return [(layer, site) for layer in range(len(layers(model))) for site in names]


def locate(model, layer, site):
    """(path of the module below its layer, first output column, d_in, d_out) of a site."""
    if not is_gpt2(model):
        path = LLAMA_MODULES[site]
        d_out, d_in = layers(model)[layer].get_submodule(path).weight.shape
        return path, 0, d_in, d_out
    path, block = GPT2_MODULES[site]
    d_in, width = layers(model)[layer].get_submodule(path).weight.shape
    d_out = width // 3 if path == "attn.c_attn" else width
    return path, block * d_out, d_in, d_out


class LoraModule(nn.Module):
    """base(x) + (alpha / r) (x A^T) B^T on a range of output columns per adapter (LoRA paper, section 4.1)."""

    def __init__(self, base, scale):
        super().__init__()
        self.base, self.scale = base, scale
        self.adapters = []

    def forward(self, x):
        y = self.base(x)
        for first, a, b in self.adapters:
            delta = self.scale * ((x @ a.T) @ b.T)
            y = y + nn.functional.pad(delta, (first, y.shape[-1] - first - delta.shape[-1]))
        return y


def draw_adapters(model, r, seed):
    """(layer, site) -> (A [r, d_in], B [d_out, r]), both random and non-zero, fp32."""
    generator = torch.Generator().manual_seed(seed)
    adapters = {}
    for layer, site in sites(model):
        _, _, d_in, d_out = locate(model, layer, site)
        a = torch.randn((r, d_in), generator=generator) / math.sqrt(d_in)
        adapters[layer, site] = a, 0.3 * torch.randn((d_out, r), generator=generator)
    return adapters


def attach(model, adapters, scale):
    """Freeze the model, wrap the modules of `adapters`' sites, and return their trainable copies, by (layer, site)."""
    model.requires_grad_(False)
    dtype = next(model.parameters()).dtype
    # Wrapping hides a module's weight, so every site is located first.
    places = {key: locate(model, *key) for key in adapters}
    trained = {}
    for (layer, site), (a, b) in adapters.items():
        path, first, _, _ = places[layer, site]
        parent_path, _, leaf = path.rpartition(".")
        parent = layers(model)[layer].get_submodule(parent_path)
        module = getattr(parent, leaf)
        if not isinstance(module, LoraModule):
            module = LoraModule(module, scale)
            setattr(parent, leaf, module)
        pair = tuple(nn.Parameter(x.detach().clone().to(dtype)) for x in (a, b))
        module.adapters.append((first, *pair))
        trained[layer, site] = pair
    return trained


def merge(model, adapters, scale):
    """Add (alpha / r) B A to the weights themselves."""
    with torch.no_grad():
        for (layer, site), (a, b) in adapters.items():
            path, first, _, d_out = locate(model, layer, site)
            weight = layers(model)[layer].get_submodule(path).weight
            delta = scale * (b.to(weight.dtype) @ a.to(weight.dtype))
            if is_gpt2(model):
                weight[:, first : first + d_out] += delta.T
            else:
                weight += delta
