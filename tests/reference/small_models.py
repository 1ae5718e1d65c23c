"""Small random models for the golden values, and the float64 arithmetic that they are computed in."""

import json
import math
import types
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, LlamaConfig, MistralConfig, Qwen2Config

# Odd sizes on purpose: widths that no vector register divides, an MLP that is not four times the width.
LLAMA = dict(
    hidden_size=36,
    intermediate_size=68,
    num_hidden_layers=2,
    num_attention_heads=3,
    num_key_value_heads=3,
    vocab_size=211,
    max_position_embeddings=64,
    rms_norm_eps=1e-5,
    bos_token_id=1,
    eos_token_id=2,
    tie_word_embeddings=False,
)
GPT2 = dict(n_embd=36, n_head=3, n_layer=2, n_positions=64, bos_token_id=0, eos_token_id=0)


def rope(kind="default", **parameters):
    return {"rope_type": kind, "rope_theta": 10000.0, **parameters}


def cases():
    """name -> configuration of every golden case."""
    wide = dict(hidden_size=48, intermediate_size=80, num_attention_heads=4)
    return {
        "gpt2_tied": GPT2Config(**GPT2, vocab_size=1013),
        "gpt2_untied": GPT2Config(**GPT2, vocab_size=211, n_inner=100, tie_word_embeddings=False),
        "llama_gqa": LlamaConfig(
            **{**LLAMA, **wide, "num_key_value_heads": 2, "vocab_size": 1013, "tie_word_embeddings": True}
        ),
        "llama_mqa_bias": LlamaConfig(
            **{**LLAMA, **wide, "num_key_value_heads": 1, "head_dim": 16, "attention_bias": True, "mlp_bias": True}
        ),
        # Wavelengths 6, 29, 135, ... against bounds 64/4 and 64/1: one is kept, one interpolated, four are scaled.
        "llama3_rope": LlamaConfig(
            **{**LLAMA, "max_position_embeddings": 512},
            rope_parameters=rope(
                "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64
            ),
        ),
        "llama_linear_rope": LlamaConfig(**LLAMA, rope_parameters=rope("linear", factor=2.0)),
        "qwen2": Qwen2Config(**{**LLAMA, "num_key_value_heads": 1, "tie_word_embeddings": True}),
        "mistral": MistralConfig(**{**LLAMA, "num_key_value_heads": 1}, sliding_window=None),
    }


def randomize(model, seed):
    """Draw weights that make outputs far from uniform: logits with a standard deviation near 3, every bias and norm at work."""
    generator = torch.Generator().manual_seed(seed)

    def normal(parameter, std, mean=0.0):
        parameter.copy_(mean + std * torch.randn(parameter.shape, generator=generator))

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            width = model.config.hidden_size
            if name.endswith("wpe.weight"):
                normal(parameter, 0.3)
            elif any(part in name for part in ("wte.", "embed_tokens.", "lm_head.")):
                normal(parameter, 3.0 / math.sqrt(width))
            elif name.endswith("bias"):
                normal(parameter, 0.2)
            elif parameter.dim() == 1:
                normal(parameter, 0.2, mean=1.0)
            else:
                # GPT-2's Conv1D stores [d_in, d_out]; nn.Linear stores [d_out, d_in].
                d_in = parameter.shape[0] if model.config.model_type == "gpt2" else parameter.shape[1]
                normal(parameter, 1.2 / math.sqrt(d_in))


def build(config, seed):
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    randomize(model, seed)
    return model


def keep_dtype(model):
    """Let RMSNorm and RoPE compute in the dtype of their input: transformers fixes both to fp32, which would round float64.

    RoPE's inverse frequencies stay the fp32 values that transformers computes.
    """

    def rms_norm(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))

    def rotary(self, x, position_ids):
        angles = position_ids[..., None].to(x.dtype) * self.inv_freq.to(x.dtype)
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos() * self.attention_scaling, angles.sin() * self.attention_scaling

    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.forward = types.MethodType(rms_norm, module)
        elif type(module).__name__.endswith("RotaryEmbedding"):
            module.forward = types.MethodType(rotary, module)
    return model


def load(folder, dtype=torch.float64):
    """The model of a folder in `dtype`, on one thread of arithmetic that keeps that dtype throughout."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval()
    return keep_dtype(model.to(dtype))


def write_config(folder, config):
    """config.json as transformers writes it."""
    config = AutoConfig.for_model(**config.to_dict())
    config.save_pretrained(folder)
    path = Path(folder) / "config.json"
    values = json.loads(path.read_text())
    values.pop("_name_or_path", None)
    values["dtype"] = "float32"
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")


def rewrite_rope_in_older_spelling(folder):
    """Replace rope_parameters by rope_theta and rope_scaling, as folders written before transformers 5 have them."""
    path = Path(folder) / "config.json"
    values = json.loads(path.read_text())
    parameters = values.pop("rope_parameters")
    values["rope_theta"] = parameters.pop("rope_theta")
    values["rope_scaling"] = {"type": parameters.pop("rope_type"), **parameters}
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")


def draw_batch(vocabulary, seed, lengths):
    """Random prompt and target ids with the given (prompt, target) lengths."""
    generator = torch.Generator().manual_seed(seed)
    return [
        {
            "prompt_ids": torch.randint(vocabulary, (p,), generator=generator).tolist(),
            "target_ids": torch.randint(vocabulary, (t,), generator=generator).tolist(),
        }
        for p, t in lengths
    ]


def write_batch(folder, batch):
    (Path(folder) / "batch.jsonl").write_text("".join(json.dumps(line) + "\n" for line in batch))


def read_batch(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines() if line.strip()]


def forward(model, batch):
    """Logits [tokens, vocabulary] of every sequence of the batch, each run alone, packed end to end."""
    sequences = [line["prompt_ids"] + line["target_ids"] for line in batch]
    return torch.cat([model(input_ids=torch.tensor([s]), use_cache=False).logits[0] for s in sequences])


def target_log_probabilities(logits, batch):
    """(log p [targets, vocabulary] at the positions that predict a target, target ids [targets], line of each)."""
    rows, ids, lines, start = [], [], [], 0
    for index, line in enumerate(batch):
        first = start + len(line["prompt_ids"]) - 1
        rows += range(first, first + len(line["target_ids"]))
        ids += line["target_ids"]
        lines += [index] * len(line["target_ids"])
        start += len(line["prompt_ids"]) + len(line["target_ids"])
    return torch.log_softmax(logits[rows], dim=-1), torch.tensor(ids), torch.tensor(lines)


def loss_of(logits, batch, label_smoothing=0.0):
    """Mean over the batch's target tokens of (1-e) (-log p(target)) + e mean over the vocabulary of (-log p)."""
    log_p, ids, _ = target_log_probabilities(logits, batch)
    nll = -log_p.gather(1, ids[:, None]).mean()
    return (1 - label_smoothing) * nll - label_smoothing * log_p.mean() if label_smoothing else nll


def line_nll(logits, batch):
    """Summed negative log-likelihood of each line's target, in nats [lines]."""
    log_p, ids, lines = target_log_probabilities(logits, batch)
    nll = -log_p.gather(1, ids[:, None])[:, 0]
    return torch.zeros(len(batch), dtype=nll.dtype).index_add(0, lines, nll)
