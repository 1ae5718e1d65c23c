"""Low-rank updates, DoRA and adapters in plain PyTorch, as hooks on the modules of a transformers model.

What a dictionary of tensors names decides what is computed: `layers.L.SITE.lora_A` with `.lora_B` is LoRA, a `.magnitude`
beside them makes it DoRA, an `.lora_E` AdaLoRA; `layers.L.SITE.adapter.*` is an adapter after that site,
`layers.L.adapter.*` one after the whole layer.
"""

import math

import torch
from torch.nn import functional

import lora_sites

ACTIVATIONS = {"gelu": lambda x: functional.gelu(x, approximate="tanh"), "relu": functional.relu}
# AdapterL's LayerNorm, in families whose own norm has another epsilon or is an RMSNorm too.
NORM_EPS = 1e-5


def groups_of(tensors):
    """(layer, site or "") -> leaf -> tensor, of the names that belong to a layer."""
    groups = {}
    for name, tensor in tensors.items():
        parts = name.split(".")
        if parts[0] == "layers":
            site = parts[2] if parts[2] in lora_sites.LLAMA_MODULES else ""
            groups.setdefault((int(parts[1]), site), {})[parts[-1]] = tensor
    return groups


def site_weight(model, layer, site):
    """The weight [d_out, d_in] of a site, a view."""
    path, first, _, d_out = lora_sites.locate(model, layer, site)
    weight = lora_sites.layers(model)[layer].get_submodule(path).weight
    return weight[:, first : first + d_out].T if lora_sites.is_gpt2(model) else weight


def site_bias(model, layer, site):
    path, first, _, d_out = lora_sites.locate(model, layer, site)
    bias = lora_sites.layers(model)[layer].get_submodule(path).bias
    return 0.0 if bias is None else bias[first : first + d_out]


def draw_low_rank(model, sites, r, kind, generator):
    """Tensors of LoRA ("lora"), DoRA ("dora") or AdaLoRA ("adalora") on `sites` of every layer, all random, fp32."""

    def normal(*shape):
        return torch.randn(shape, generator=generator)

    tensors = {}
    for layer in range(len(lora_sites.layers(model))):
        for site in sites:
            name = f"layers.{layer}.{site}"
            d_out, d_in = site_weight(model, layer, site).shape
            std_a, std_b = (0.2, 0.2) if kind == "adalora" else (1 / math.sqrt(d_in), 0.3)
            tensors[f"{name}.lora_A"] = std_a * normal(r, d_in)
            tensors[f"{name}.lora_B"] = std_b * normal(d_out, r)
            if kind == "adalora":
                tensors[f"{name}.lora_E"] = normal(r)
            if kind == "dora":
                norms = site_weight(model, layer, site).detach().float().norm(dim=1)
                tensors[f"{name}.magnitude"] = norms * torch.exp(0.2 * normal(d_out))
    return tensors


def draw_adapters(model, places, r, generator):
    """Adapters after the sites `places` of every layer, or after the whole layer, with a LayerNorm, where a place is ""."""

    def normal(*shape):
        return torch.randn(shape, generator=generator)

    d, tensors = model.config.hidden_size, {}
    for layer in range(len(lora_sites.layers(model))):
        for place in places:
            name = f"layers.{layer}.{place}.adapter" if place else f"layers.{layer}.adapter"
            if not place:
                tensors[f"{name}.norm"] = 1 + 0.2 * normal(d)
                tensors[f"{name}.norm_bias"] = 0.2 * normal(d)
            tensors[f"{name}.down"] = normal(r, d) / math.sqrt(d)
            tensors[f"{name}.down_bias"] = 0.2 * normal(r)
            tensors[f"{name}.up"] = 0.3 * normal(d, r)
            tensors[f"{name}.up_bias"] = 0.2 * normal(d)
    return tensors


def started(model, init):
    """The tensors of `init` that training does not start from, by the value it starts from instead."""
    start = {}
    for name, tensor in init.items():
        stem, _, leaf = name.rpartition(".")
        if leaf in ("up", "up_bias", "down_bias", "norm_bias", "lora_E"):
            start[name] = torch.zeros_like(tensor)
        elif leaf in ("lora_A", "lora_B") and f"{stem}.lora_E" in init:
            # N(0, 0.02) as PEFT starts from, where the outputs of `init` would hardly differ from the base's. Via fp32, in
            # which it is stored.
            start[name] = (0.1 * tensor.detach().float()).to(tensor.dtype)
        elif leaf == "lora_B":
            start[name] = torch.zeros_like(tensor)
        elif leaf == "norm":
            start[name] = torch.ones_like(tensor)
        elif leaf == "magnitude":
            _, layer, site = stem.split(".")
            start[name] = site_weight(model, int(layer), site).detach().norm(dim=1)
    return start


def attach(model, tensors, scale, activation):
    """Freeze the model and let its modules compute with `tensors`, which the caller may train."""
    model.requires_grad_(False)
    for (layer, site), group in groups_of(tensors).items():
        block = lora_sites.layers(model)[layer]
        if "lora_A" in group:
            path, first, _, d_out = lora_sites.locate(model, layer, site)
            columns = low_rank_columns(site_weight(model, layer, site), site_bias(model, layer, site), group, scale)
            block.get_submodule(path).register_forward_hook(replace_columns(first, d_out, columns))
        elif "down" in group:
            path = lora_sites.locate(model, layer, site)[0] if site else ""
            block.get_submodule(path).register_forward_hook(adapter_hook(group, ACTIVATIONS[activation]))


def low_rank_columns(weight, bias, group, scale):
    """Function of (x, what the frozen site gives) that gives the adapted site's output."""
    a, b = group["lora_A"], group["lora_B"]

    def columns(x, y):
        # The norm is a constant to the gradient (DoRA, section 4.3).
        if "magnitude" in group:
            norm = (weight + scale * (b @ a)).norm(dim=1).detach()
            return bias + group["magnitude"] / norm * (y - bias + scale * (x @ a.T) @ b.T)
        z = x @ a.T
        return y + scale * ((z * group["lora_E"] if "lora_E" in group else z) @ b.T)

    return columns


def replace_columns(first, width, columns):
    """Hook that lets `columns` give `width` of a module's outputs, from `first` on."""

    def hook(module, inputs, y):
        before, middle, after = y.split((first, width, y.shape[-1] - first - width), dim=-1)
        return torch.cat((before, columns(inputs[0], middle), after), dim=-1)

    return hook


def adapter_hook(group, activation):
    """z + up(activation(down(z))); with a norm of its own, down reads the normalised z (Adapter^L)."""

    def hook(module, inputs, z):
        x = z
        if "norm" in group:
            x = functional.layer_norm(z, z.shape[-1:], group["norm"], group["norm_bias"], NORM_EPS)
        hidden = activation(x @ group["down"].T + group["down_bias"])
        return z + hidden @ group["up"].T + group["up_bias"]

    return hook
