"""Small tokenizers of every kind and what Hugging Face tokenizers makes of hard texts: tests/reference/tokenizers/.

    HF_HUB_OFFLINE=1 python tests/reference/make_tokenizer_goldens.py        (tokenizers 0.23.3)

Each folder holds tokenizer.json and cases.json: {"texts": [...], "ids": [...], "bare": [...], "decoded": [...],
"skipped": [...]}, ids with and without special tokens, and `ids` decoded with and without them. `bytes` are texts in hex that
are not UTF-8, read with errors="replace", with `bytes_ids`.
"""

import json
import pathlib

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tokenizer_texts import BAD_BYTES, PROSE, torture

FOLDER = pathlib.Path(__file__).resolve().parent / "tokenizers"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def train(tokenizer, vocabulary, **options):
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, show_progress=False, min_frequency=1, **options)
    tokenizer.train_from_iterator(PROSE.splitlines(), trainer)
    return tokenizer


def byte_level(vocabulary, pre_tokenizer, specials, normalizer=None, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return train(tokenizer, vocabulary, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=specials)


def split(pattern):
    return pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )


def template(start, tokenizer):
    return processors.TemplateProcessing(single=f"{start} $A", pair=f"{start} $A {start} $B:1", special_tokens=[(start, tokenizer.token_to_id(start))])


def gpt2():
    tokenizer = byte_level(600, pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"])
    return tokenizer


def gpt2_prefix_space():
    tokenizer = byte_level(420, pre_tokenizers.ByteLevel(add_prefix_space=True), ["<|endoftext|>"])
    tokenizer.add_tokens([
        AddedToken("wordy", single_word=True, normalized=False),
        AddedToken("<left>", lstrip=True, normalized=False, special=True),
        AddedToken("<right>", rstrip=True, normalized=True, special=True),
        AddedToken("<both>", lstrip=True, rstrip=True, normalized=True),
        AddedToken("<both>more", normalized=True),
        AddedToken("é!", normalized=True),
    ])
    return tokenizer


def llama3():
    tokenizer = byte_level(700, split(LLAMA3), ["<|begin_of_text|>", "<|end_of_text|>"], ignore_merges=True)
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template("<|begin_of_text|>", tokenizer)])
    # Whole words that no merge reaches, which ignore_merges finds all the same.
    state = json.loads(tokenizer.to_str())
    for word in ["Ġunreachable", "xyzzy", "123"]:
        state["model"]["vocab"][word] = len(state["model"]["vocab"])
    return Tokenizer.from_str(json.dumps(state))


def qwen2():
    tokenizer = byte_level(600, split(QWEN2), ["<|endoftext|>"], normalizers.NFC())
    tokenizer.add_special_tokens([AddedToken("<|im_start|>", normalized=False), AddedToken("<|im_end|>", normalized=False)])
    tokenizer.add_tokens([AddedToken("<é>", normalized=True), AddedToken("<tool>", normalized=False)])
    return tokenizer


def sentencepiece(unknown="<unk>", **model):
    tokenizer = Tokenizer(models.BPE(unk_token=unknown, fuse_unk=True, byte_fallback=True, **model))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    return tokenizer


def llama2():
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    tokenizer = train(sentencepiece(), 800, special_tokens=specials, limit_alphabet=90)
    state = json.loads(tokenizer.to_str())
    # The bytes are tokens of the model alone; words are cut by the merges.
    state["added_tokens"] = state["added_tokens"][:3]
    state["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = template("<s>", tokenizer)
    return tokenizer


def crossing_merges():
    """Merges that reach across word borders, no bytes to fall back to."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    train(tokenizer, 500, special_tokens=["<unk>", "<s>"], limit_alphabet=60)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return tokenizer


def metaspace():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    train(tokenizer, 500, special_tokens=["<unk>", "<s>"], limit_alphabet=60)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A <s>", special_tokens=[("<s>", 1)])
    return tokenizer


def write_case(folder, tokenizer):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n")
    specials = sorted(token.content for token in tokenizer.get_added_tokens_decoder().values())
    texts = torture(specials)
    ids = [tokenizer.encode(text).ids for text in texts]
    cases = {
        "texts": texts,
        "ids": ids,
        "bare": [tokenizer.encode(text, add_special_tokens=False).ids for text in texts],
        "decoded": [tokenizer.decode(i, skip_special_tokens=False) for i in ids],
        "skipped": [tokenizer.decode(i, skip_special_tokens=True) for i in ids],
        "bytes": [b.hex() for b in BAD_BYTES],
        "bytes_ids": [tokenizer.encode(b.decode("utf-8", errors="replace")).ids for b in BAD_BYTES],
        # Runs of ids as a model may say them: characters cut in two, bytes that are no text.
        "random_ids": [],
        "random_decoded": [],
    }
    size = tokenizer.get_vocab_size()
    for seed in range(60):
        run = [(seed * 7919 + k * k * 104729 + k * 31) % size for k in range(1 + seed % 9)]
        cases["random_ids"].append(run)
        cases["random_decoded"].append(tokenizer.decode(run, skip_special_tokens=False))
    (folder / "cases.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


def main():
    for make in [gpt2, gpt2_prefix_space, llama3, qwen2, llama2, crossing_merges, metaspace]:
        write_case(FOLDER / make.__name__, make())
    trained = FOLDER / "trained"
    trained.mkdir(parents=True, exist_ok=True)
    (trained / "text.txt").write_text(PROSE)
    for name, pattern in [("gpt2", None), ("llama3", LLAMA3), ("qwen2", QWEN2)]:
        pre_tokenizer = split(pattern) if pattern else pre_tokenizers.ByteLevel(add_prefix_space=False)
        # All merges that are seen twice, and then some.
        model = json.loads(byte_level(900, pre_tokenizer, ["<|endoftext|>", "<|pad|>"]).to_str())["model"]
        (trained / f"{name}.json").write_text(json.dumps({"vocab": model["vocab"], "merges": model["merges"]}, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
