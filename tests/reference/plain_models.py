"""GPT-2 and LLaMA written out in plain formulas, with adapters and prefixes in place: what the hooks are held against."""

import math

import torch

import lora_sites
import method_modules
import method_prefixes


def forward(model, batch, tensors, activation):
    """Logits of every extended line, as method_prefixes.forward gives them; `model` only lends its weights."""
    lines = method_prefixes.extended(batch, tensors)
    return torch.cat([forward_line(model, line, tensors, activation) for line in lines])


def forward_line(model, line, tensors, activation):
    gpt2 = lora_sites.is_gpt2(model)
    ids = line["prompt_ids"] + line["target_ids"]
    rows = [position for position, token in enumerate(ids) if token is None]
    table = model.get_input_embeddings().weight
    embedded = iter(tensors.get("prefix_embed", torch.zeros(len(rows), table.shape[1], dtype=table.dtype)))
    x = torch.stack([next(embedded) if token is None else table[token] for token in ids])
    first = method_prefixes.PREFIX if "layers.0.prefix_key" in tensors else 0
    positions = torch.arange(first, first + len(ids))
    if gpt2:
        x = x + model.transformer.wpe.weight[positions]
    for index, layer in enumerate(lora_sites.layers(model)):
        if f"layers.{index}.prefix" in tensors:
            values = iter(tensors[f"layers.{index}.prefix"])
            x = torch.stack([next(values) if token is None else x[position] for position, token in enumerate(ids)])

        def site(name, z, index=index):
            y = z @ method_modules.site_weight(model, index, name).T + method_modules.site_bias(model, index, name)
            return adapter(y, tensors, f"layers.{index}.{name}.adapter", activation)

        norms = (layer.ln_1, layer.ln_2) if gpt2 else (layer.input_layernorm, layer.post_attention_layernorm)
        x = x + site("Wo", attention(model, site, norm(norms[0], x), positions, tensors, index))
        z = norm(norms[1], x)
        x = x + site("W2", gelu(site("W1", z)) if gpt2 else silu(site("W3", z)) * site("W1", z))
        x = adapter(x, tensors, f"layers.{index}.adapter", activation)
    return norm(model.transformer.ln_f if gpt2 else model.model.norm, x) @ model.lm_head.weight.T


def adapter(z, tensors, name, activation):
    if f"{name}.down" not in tensors:
        return z
    x = z
    if f"{name}.norm" in tensors:
        x = layer_norm(z, tensors[f"{name}.norm"], tensors[f"{name}.norm_bias"], method_modules.NORM_EPS)
    hidden = x @ tensors[f"{name}.down"].T + tensors[f"{name}.down_bias"]
    hidden = gelu(hidden) if activation == "gelu" else hidden.clamp(min=0)
    return z + (hidden @ tensors[f"{name}.up"].T + tensors[f"{name}.up_bias"])


def attention(model, site, x, positions, tensors, index):
    heads = model.config.num_attention_heads
    key_heads, width = method_prefixes.key_shape(model)
    q, k, v = (site(name, x).view(len(x), -1, width) for name in ("Wq", "Wk", "Wv"))
    if not lora_sites.is_gpt2(model):
        q, k = rotated(model, q, positions), rotated(model, k, positions)
    before = 0
    if f"layers.{index}.prefix_key" in tensors:
        before = method_prefixes.PREFIX
        k = torch.cat((tensors[f"layers.{index}.prefix_key"].view(before, key_heads, width), k))
        v = torch.cat((tensors[f"layers.{index}.prefix_value"].view(before, key_heads, width), v))
    outputs = []
    for head in range(heads):
        shared = head // (heads // key_heads)
        scores = q[:, head] @ k[:, shared].T / math.sqrt(width)
        seen = torch.arange(len(k))[None] <= torch.arange(len(x))[:, None] + before
        outputs.append(torch.softmax(scores.masked_fill(~seen, -math.inf), dim=-1) @ v[:, shared])
    return torch.cat(outputs, dim=-1)


def rotated(model, x, positions):
    """RoPE on [tokens, heads, width], dimension i turning with i + width / 2."""
    angles = positions[:, None, None] * model.model.rotary_emb.inv_freq.to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def norm(module, x):
    if hasattr(module, "variance_epsilon"):
        return module.weight * x / torch.sqrt((x * x).mean(-1, keepdim=True) + module.variance_epsilon)
    return layer_norm(x, module.weight, module.bias, module.eps)


def layer_norm(x, gain, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    return gain * centred / torch.sqrt((centred * centred).mean(-1, keepdim=True) + eps) + bias


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x):
    return x / (1 + torch.exp(-x))
