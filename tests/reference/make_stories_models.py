"""Write stories3m and stories260k, the small real models that tests and benchmarks read, as Hugging Face folders.

    git clone https://github.com/doryiii/esp32-llm
    python make_stories_models.py esp32-llm/spiffs_data OUT

Needs numpy. stories3M-q80.bin and stories260K.bin are checkpoints of llama2.c (karpathy/llama2.c), trained on
TinyStories; the first holds int8 with a scale for each 64 values, and is written as their products. tok4096.bin and tok512.bin
are their tokenizers. The weights' licence is not stated there: they are for measuring. Fails where a file differs from the one
that this repository's goldens and figures were made with.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import numpy as np

SHA256 = {
    "stories3m/model.safetensors": "773165882846607ad968a3c9f54e4f945f6f2966fd6c25d7bc0b4c2e0e4ecb58",
    "stories3m/tokenizer.json": "3f848475efb02d033b71cb5d95cfceae155a556ae9cd6f2df0ccba036eba3027",
    "stories260k/model.safetensors": "1e264e23c493607b9df2a45d1203424fe1121f4dc168854f0aa4a9a78ab3e5d3",
    "stories260k/tokenizer.json": "ab754864253e73c0f8b249d037a5902b8b0f92cd0808c74db9555198c724e21a",
}
SPECIAL = ["<unk>", "<s>", "</s>"]
FIRST_MERGED = 259  # after the special tokens and the 256 bytes


class Checkpoint:
    """A file of llama2.c, read from its start: version 2 (int8 in groups) has a magic number, version 0 has none."""

    def __init__(self, path):
        self.bytes = path.read_bytes()
        self.quantized = self.bytes[:4] == b"24ka"
        self.shape = struct.unpack_from("<7i", self.bytes, 8 if self.quantized else 0)
        self.group = struct.unpack_from("<i", self.bytes, 37)[0] if self.quantized else None
        self.at = 256 if self.quantized else 28

    def numbers(self, dtype, count):
        values = np.frombuffer(self.bytes, dtype, count, self.at)
        self.at += values.nbytes
        return values

    def vectors(self, *shape):
        return self.numbers(np.float32, int(np.prod(shape))).reshape(shape)

    def matrices(self, count, rows, columns):
        if not self.quantized:
            return self.vectors(count, rows, columns)
        size = rows * columns
        found = []
        for _ in range(count):
            values = self.numbers(np.int8, size).astype(np.float32).reshape(-1, self.group)
            found.append((values * self.numbers(np.float32, size // self.group)[:, None]).reshape(rows, columns))
        return found


def weights(file):
    """(the model's shape, its tensors by transformers' names)."""
    width, hidden, layers, heads, kv_heads, vocabulary, _ = file.shape
    kv_width = width // heads * kv_heads
    read = {}
    # The two versions hold the same tensors in different orders.
    norms = ["input_layernorm", "post_attention_layernorm"]
    matrices = {
        "self_attn.q_proj": (width, width), "self_attn.k_proj": (kv_width, width), "self_attn.v_proj": (kv_width, width),
        "self_attn.o_proj": (width, width), "mlp.gate_proj": (hidden, width), "mlp.down_proj": (width, hidden),
        "mlp.up_proj": (hidden, width),
    }  # fmt: skip
    if file.quantized:
        order = [*norms, "norm", "embed_tokens", *matrices]
    else:
        order = ["embed_tokens", norms[0], *list(matrices)[:4], norms[1], *list(matrices)[4:], "norm"]
    for name in order:
        if name == "embed_tokens":
            read[name] = file.matrices(1, vocabulary, width)[0]
        elif name == "norm":
            read[name] = file.vectors(width)
        elif name in norms:
            read[name] = file.vectors(layers, width)
        else:
            read[name] = file.matrices(layers, *matrices[name])

    def halves(matrix, count):
        # llama2.c turns neighbours by RoPE, transformers the two halves of a head.
        return matrix.reshape(count, -1, 2, width).transpose(0, 2, 1, 3).reshape(matrix.shape)

    tensors = {"model.embed_tokens.weight": read["embed_tokens"]}
    for layer in range(layers):
        for name in [*matrices, *norms]:
            tensor = read[name][layer]
            if name in ("self_attn.q_proj", "self_attn.k_proj"):
                tensor = halves(tensor, heads if name.endswith("q_proj") else kv_heads)
            tensors[f"model.layers.{layer}.{name}.weight"] = tensor
    tensors["model.norm.weight"] = read["norm"]
    return tensors


def write_safetensors(path, tensors):
    # By hand: the order in which the safetensors library writes is its own.
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [end, end + tensor.nbytes]}
        end += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(tensor.tobytes() for tensor in tensors.values()))


def config(shape):
    width, hidden, layers, heads, kv_heads, vocabulary, context = shape
    # <s> separated the stories in training; </s> the model has never seen.
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": width, "intermediate_size": hidden,
        "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv_heads, "vocab_size": vocabulary,
        "max_position_embeddings": context, "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "hidden_act": "silu",
        "tie_word_embeddings": True, "bos_token_id": 1, "eos_token_id": 1, "torch_dtype": "float32", "attention_bias": False,
        "mlp_bias": False,
    }  # fmt: skip


def tokenizer(path):
    data, at, words = path.read_bytes(), 4, []
    while at < len(data):
        length = struct.unpack_from("<i", data, at + 4)[0]
        words.append(data[at + 8 : at + 8 + length].decode().replace(" ", "\u2581"))
        at += 8 + length
    words[: len(SPECIAL)] = SPECIAL
    ids = {word: index for index, word in enumerate(words)}
    merges = []
    for word in words[FIRST_MERGED:]:
        cuts = [(word[:cut], word[cut:]) for cut in range(1, len(word))]
        known = [cut for cut in cuts if cut[0] in ids and cut[1] in ids]
        merges += sorted(known, key=lambda cut: (ids[cut[0]], ids[cut[1]]))
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    opened = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    second = [{"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": index, "content": word, **flags} for index, word in enumerate(SPECIAL)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing", "single": opened, "pair": opened + second,
                           "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "vocab": ids,
                  "merges": [" ".join(merge) for merge in merges]},
    }  # fmt: skip


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: make_stories_models.py SPIFFS_DATA OUT")
    source, out = map(Path, sys.argv[1:])
    for name, model, tokens in [
        ("stories3m", "stories3M-q80.bin", "tok4096.bin"),
        ("stories260k", "stories260K.bin", "tok512.bin"),
    ]:
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        file = Checkpoint(source / model)
        write_safetensors(folder / "model.safetensors", weights(file))
        (folder / "config.json").write_text(json.dumps(config(file.shape), indent=1))
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer(source / tokens), ensure_ascii=False), encoding="utf-8")
    different = [name for name, sha in SHA256.items() if hashlib.sha256((out / name).read_bytes()).hexdigest() != sha]
    if different:
        sys.exit(f"not the files that the figures were made with: {', '.join(different)}")


if __name__ == "__main__":
    main()
