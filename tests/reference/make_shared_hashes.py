"""Hashes of what the official implementations make of the data sets, which the repository does not hold.

    HF_HUB_OFFLINE=1 python tests/reference/make_shared_hashes.py SHARED     (tokenizers 0.23.3, rouge_score 0.1.2, nltk 3.10.4)

Writes goldens/shared_ids.json: per tokenizer and file, SHA-256 over the ids of every line as `rankscope tokenize` prints them;
and goldens/shared_rouge.json: SHA-256 over the doubles of rouge_score, little-endian, of SAMSum's summaries against another
summary and against their dialogues, with and without stemmer. tests/datasets and tests/metrics say the same in C++.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

from rouge_score import rouge_scorer
from tokenizers import Tokenizer

from check_tokenizers import BATCH, lines_of

GOLDENS = Path(__file__).resolve().parent / "goldens"
TYPES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]


def ids_hash(tokenizer, path):
    digest, lines = hashlib.sha256(), lines_of(path)
    for begin in range(0, len(lines), BATCH):
        for encoding in tokenizer.encode_batch(lines[begin:begin + BATCH]):
            digest.update(json.dumps(encoding.ids, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


def write_ids(shared):
    files = sorted(path for path in (shared / "data").rglob("*")
                   if path.is_file() and not path.name.lower().startswith(("readme", "licen")))
    hashes = {}
    for model in ("gpt2-tokenizer", "stories3m", "stories260k"):
        tokenizer = Tokenizer.from_file(str(shared / "models" / model / "tokenizer.json"))
        hashes[model] = {str(path.relative_to(shared)): ids_hash(tokenizer, path) for path in files}
    (GOLDENS / "shared_ids.json").write_text(json.dumps(hashes, indent=0) + "\n")


def write_rouge(shared):
    rows = json.load(open(shared / "data/samsum/train.json"))
    result = {"pairs": 0}
    for stemmed, name in ((False, "plain"), (True, "stemmed")):
        scorer = rouge_scorer.RougeScorer(TYPES, use_stemmer=stemmed)
        digest, pairs = hashlib.sha256(), 0
        for i, row in enumerate(rows):
            for prediction in (rows[(i * 7 + 1) % len(rows)]["summary"], row["dialogue"]):
                scores, pairs = scorer.score(row["summary"], prediction), pairs + 1
                for t in TYPES:
                    digest.update(struct.pack("<3d", scores[t].precision, scores[t].recall, scores[t].fmeasure))
        result["pairs"], result[name] = pairs, digest.hexdigest()
    (GOLDENS / "shared_rouge.json").write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write_ids(Path(sys.argv[1]))
    write_rouge(Path(sys.argv[1]))
