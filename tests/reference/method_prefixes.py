"""Special tokens: PrefixEmbed, PrefixLayer and prefix keys and values, on transformers' own models.

A prefix stands before the prompt, an infix between prompt and target. `prefix_embed` replaces the special tokens' embeddings,
`layers.L.prefix` the hidden states that enter layer L there; `layers.L.prefix_key` and `.prefix_value` are no tokens, but
keys and values before the sequence's own.
"""

import torch
from transformers import DynamicCache

import lora_sites

PREFIX, INFIX = 3, 2


def draw(model, kind, generator):
    """Random tensors of the size of what they stand for, fp32."""
    config, layers = model.config, range(len(lora_sites.layers(model)))

    def normal(rows, width, std):
        return std * torch.randn((rows, width), generator=generator)

    if kind == "prefix_embed":
        return {"prefix_embed": normal(PREFIX + INFIX, config.hidden_size, 0.5)}
    if kind == "prefix_layer":
        return {f"layers.{layer}.prefix": normal(PREFIX + INFIX, config.hidden_size, 0.7) for layer in layers}
    heads, head_dim = key_shape(model)
    parts = ("prefix_key", "prefix_value")
    return {f"layers.{layer}.{part}": normal(PREFIX, heads * head_dim, 1.0) for layer in layers for part in parts}


def key_shape(model):
    """(key-value heads, head dimension)."""
    config = model.config
    heads = getattr(config, "num_key_value_heads", config.num_attention_heads)
    return heads, getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def is_extended(tensors):
    return any(name == "prefix_embed" or name.endswith(".prefix") for name in tensors)


def extended(batch, tensors):
    """The batch whose lines have one id per row of the logits: with special tokens, id None, where there are some."""
    if not is_extended(tensors):
        return batch
    special = {"prefix": [None] * PREFIX, "infix": [None] * INFIX}
    return [{**line, "prompt_ids": special["prefix"] + line["prompt_ids"] + special["infix"]} for line in batch]


def special_rows(line):
    """Positions of the special tokens in an extended line."""
    ids = line["prompt_ids"] + line["target_ids"]
    return torch.tensor([position for position, token in enumerate(ids) if token is None])


def forward(model, batch, tensors):
    """Logits of `extended(batch, tensors)`, each line run alone, packed end to end."""
    return torch.cat([forward_line(model, line, tensors) for line in extended(batch, tensors)])


def forward_line(model, line, tensors):
    ids = line["prompt_ids"] + line["target_ids"]
    if "layers.0.prefix_key" in tensors:
        cache = DynamicCache(keys_and_values(model, tensors))
        return model(input_ids=torch.tensor([ids]), past_key_values=cache, use_cache=True).logits[0]
    if not is_extended(tensors):
        return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]

    rows = special_rows(line)
    known = torch.tensor([0 if token is None else token for token in ids])
    embeddings = model.get_input_embeddings()(known)
    if "prefix_embed" in tensors:
        embeddings = embeddings.index_copy(0, rows, tensors["prefix_embed"])
    hooks = []
    for index, layer in enumerate(lora_sites.layers(model)):
        if f"layers.{index}.prefix" in tensors:
            hooks.append(layer.register_forward_pre_hook(replace_rows(rows, tensors[f"layers.{index}.prefix"])))
    try:
        return model(inputs_embeds=embeddings[None], use_cache=False).logits[0]
    finally:
        for hook in hooks:
            hook.remove()


def replace_rows(rows, values):
    def hook(module, inputs):
        return inputs[0].index_copy(1, rows, values[None]), *inputs[1:]

    return hook


def keys_and_values(model, tensors):
    """((key, value) [1, heads, PREFIX, head_dim], ...), a cache of PREFIX tokens: the sequence's positions go on from there."""
    heads, head_dim = key_shape(model)

    def split(tensor):
        return tensor.view(1, PREFIX, heads, head_dim).transpose(1, 2)

    return tuple(
        tuple(split(tensors[f"layers.{layer}.{part}"]) for part in ("prefix_key", "prefix_value"))
        for layer in range(len(lora_sites.layers(model)))
    )
