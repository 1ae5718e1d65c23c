#!/usr/bin/env python3
"""ROUGE and stems as Google's rouge_score and NLTK compute them (rouge_score 0.1.2, nltk 3.10.4).

    python make_rouge_goldens.py write                      writes goldens/rouge.jsonl, goldens/porter_stems.json
    python make_rouge_goldens.py words DATA                 writes goldens/dataset_stems.json: a hash over the stems of every
                                                            word of SAMSum, MNLI and WikiSQL's questions in the folder DATA
    python make_rouge_goldens.py compare PROGRAM SAMSUM N   N pairs, half from SAMSum's train.json and half random,
                                                            through `PROGRAM score rouge`; prints the largest difference
"""

import hashlib
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer, tokenizers

GOLDENS = Path(__file__).resolve().parent / "goldens"
TYPES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
SCORERS = {stem: rouge_scorer.RougeScorer(TYPES, use_stemmer=stem) for stem in (False, True)}

ROOTS = (
    "abil activ adjust agre allow analog angular archaeo at bl bowdler can ceas commun conflat conform control depend "
    "differ digit effect electr enjoy fall fil fizz flow form formal geo gener gyroscop happ hesit hop homolog hop in "
    "infer iron motor oper plaster poni predic probat radic rat relat replac revis roll sens sensit siz sk sp tan theo "
    "ti trad troubl tr un val vil y yell zy 12 b2b x"
).split()
SUFFIXES = (
    " s es ies sses ss ed eed ied ing y ational tional enci anci izer bli abli alli entli eli ousli ization ation ator "
    "alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence er "
    "ic able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize e ll le ies' ying edly ingly"
).split(" ")
IRREGULAR = "sky skies dying lying tying news innings inning outings outing cannings canning howe proceed exceed succeed".split()

SENTENCES = """The ferry leaves at seven; nobody has told the captain.
Maren's sister bought three second-hand bicycles and repaired two of them.
Nobody repairs bicycles in the ferry's engine room!
A captain, tired of waiting, is leaving without the sisters.
Two engines were running; one of them had been repaired twice (in 2019 and 2021).
İzmir'de 300 K (300 K) is 26.85 °C, said the naïve engineer.
skies dying news innings: proceedings succeeded exceedingly
relational conditional rational generalizations oscillate hopefulness""".split("\n")


def random_text(rng):
    """Words of few letters, so that they meet again, with line ends and odd characters between."""
    if rng.random() < 0.04:
        return rng.choice(["", "\n", " \n\n ", "...", "é", "\u0130", "a"])
    pool = ["the", "a", "running", "runs", "ran", "happily", "happy", "x", "42", "relational", "relation", "K\u212a", "\u0130i",
            "don't", "e-mail", "caf\u00e9s", "flies", "fly", "dies", "die", "generalization", "generous", "\u4f60\u597d"]
    text = ""
    for _ in range(rng.randrange(1, rng.choice([6, 30, 150]))):
        text += rng.choice(pool) if rng.random() < 0.7 else "".join(rng.choice("abceinsy") for _ in range(rng.randrange(1, 9)))
        text += rng.choice([" "] * 12 + ["\n", ". ", "\r\n", "\t", "-", "\u00a0"])
    return text


def scores(reference, prediction):
    out = {}
    for stem, name in ((False, "plain"), (True, "stemmed")):
        result = SCORERS[stem].score(reference, prediction)
        out[name] = {t: [result[t].precision, result[t].recall, result[t].fmeasure] for t in TYPES}
    return out


def own_pairs(rng, count):
    pairs = [(a, b) for a in SENTENCES for b in SENTENCES]
    pairs += [("\n".join(rng.sample(SENTENCES, 3)), "\n".join(rng.sample(SENTENCES, 2))) for _ in range(60)]
    pairs += [("", ""), ("word", ""), ("", "word"), ("one two\n\nthree", "three\none two")]
    while len(pairs) < count:
        pairs.append((random_text(rng), random_text(rng)))
    return pairs


def write():
    rng = random.Random(4)
    with open(GOLDENS / "rouge.jsonl", "w") as file:
        for reference, prediction in own_pairs(rng, 240):
            row = {"reference": reference, "prediction": prediction, **scores(reference, prediction)}
            file.write(json.dumps(row) + "\n")
    stemmer = PorterStemmer()
    words = sorted({root + suffix for root in ROOTS for suffix in SUFFIXES if "'" not in suffix} | set(IRREGULAR))
    words = [w for w in words if w in IRREGULAR or rng.random() < 0.35]
    (GOLDENS / "porter_stems.json").write_text(json.dumps({w: stemmer.stem(w) for w in words}, indent=0) + "\n")


def texts_of(data):
    """The texts of the data sets that a scorer or a prompt may hold."""
    for name in ("train", "val"):
        for row in json.load(open(data / f"samsum/{name}.json")):
            yield from (row["dialogue"], row["summary"])
    for name, keys in {"mnli/train": ("sentence1", "sentence2"), "mnli/dev_matched": ("sentence1", "sentence2"),
                       "wikisql/train": ("question",), "wikisql/dev": ("question",)}.items():
        for line in open(data / f"{name}.jsonl"):
            row = json.loads(line)
            yield from (row[key] for key in keys)


def words(data):
    tokenizer, stemmer = tokenizers.DefaultTokenizer(use_stemmer=False), PorterStemmer()
    found = sorted({word for text in texts_of(data) for word in tokenizer.tokenize(text)})
    lines = "".join(f"{word} {stemmer.stem(word)}\n" for word in found)
    result = {"words": len(found), "sha256": hashlib.sha256(lines.encode()).hexdigest()}
    (GOLDENS / "dataset_stems.json").write_text(json.dumps(result) + "\n")
    print(result)


def samsum_pairs(path, rng, count):
    rows = json.load(open(path))
    for i in range(count):
        a, b = rows[i % len(rows)], rows[rng.randrange(len(rows))]
        # Summary against a summary, or against the dialogue it sums up, which has many lines.
        yield a["summary"], (a["dialogue"] if i % 2 else b["summary"])


def compare(program, samsum, count):
    rng = random.Random(5)
    pairs = list(samsum_pairs(samsum, rng, count // 2)) + [(random_text(rng), random_text(rng)) for _ in range(count // 2)]
    worst = different = 0
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / "predictions.jsonl", Path(folder) / "references.jsonl"]
        files[0].write_text("".join(json.dumps({"id": i, "prediction": p}) + "\n" for i, (_, p) in enumerate(pairs)))
        files[1].write_text("".join(json.dumps({"id": i, "reference": r}) + "\n" for i, (r, _) in enumerate(pairs)))
        for stem, name in ((False, "plain"), (True, "stemmed")):
            command = [program, "score", "rouge", "--json", "--predictions", files[0], "--references", files[1]]
            lines = subprocess.run(command + ["--stemmer"] * stem, check=True, capture_output=True, text=True).stdout.splitlines()
            assert len(lines) == len(pairs) + 1
            for line, (reference, prediction) in zip(lines, pairs):
                got, want = json.loads(line), scores(reference, prediction)[name]
                for t in TYPES:
                    for key, value in zip("prf", want[t]):
                        worst = max(worst, abs(got[t][key] - value))
                        different += got[t][key] != value
    print(f"{len(pairs)} pairs, with and without stemmer: largest difference {worst}, {different} doubles not bit-equal")


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        write()
    elif sys.argv[1:2] == ["words"] and len(sys.argv) == 3:
        words(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["compare"] and len(sys.argv) == 5:
        compare(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        sys.exit(__doc__)
