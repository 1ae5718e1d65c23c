"""Write goldens/generation.json and stories3m_generation.json: what transformers' generate() gives.

    HF_HUB_OFFLINE=1 python make_generation_goldens.py [small] [stories]

small: the random models of goldens/, random prompts, greedy and beam search at odd settings. Every case is run in float64
and as transformers runs it, in fp32; the few in which the two disagree are left out and counted.

stories: the model models/stories3m of $RANKSCOPE_SHARED (default ../shared relative to the repository root) continues 100
prompts of WikiSQL's dev set and 100 of SAMSum's val set (the first that have at most 400 tokens), greedily and with 4
beams. No text of them is written: a prompt is its example's id, its length and the beginning of its ids' SHA-256. `gap` is
the smallest difference between the two largest logits over a greedy prediction's steps, in fp32: where it is a rounding
error, two correct programs may part.
"""

import hashlib
import itertools
import json
import os
import random
import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

import small_models

HERE = Path(__file__).resolve().parent
SHARED = Path(os.environ.get("RANKSCOPE_SHARED", HERE.parents[2] / "shared"))
SMALL = ["gpt2_tied", "gpt2_untied", "llama_gqa", "llama_mqa_bias", "qwen2"]


def generate(model, prompt, ends, **settings):
    ids = torch.tensor([prompt])
    with torch.no_grad():
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            eos_token_id=ends or None,
            pad_token_id=0,
            early_stopping=False,
            return_dict_in_generate=True,
            output_scores=True,
            **settings,
        )
    new = out.sequences[0, len(prompt) :].tolist()
    for i, token in enumerate(new):  # what follows an end token is padding
        if token in ends:
            return new[: i + 1], out
    return new, out


def prompts_of(vocabulary, draw):
    for length in (1, 2, 7, 20, 39):
        yield [draw.randrange(vocabulary) for _ in range(length)]
    phrase = [draw.randrange(vocabulary) for _ in range(4)]
    yield phrase * 3 + phrase[:2]


def small_cases(name, single, double, draw):
    vocabulary = single.config.vocab_size
    settings = [(1, 1.0, 0), (1, 1.0, 3), (1, 1.0, 4)]
    settings += list(itertools.product((2, 4, 10), (0.8, 0.9, 1.0, 2.0), (0, 3, 4)))
    settings += [(4, 0.0, 0), (4, -1.0, 0)]
    for prompt in prompts_of(vocabulary, draw):
        free, _ = generate(double, prompt, [], max_new_tokens=24, num_beams=1)
        # Ids that the model really produces, so that predictions end at all lengths.
        ends = [[], [free[9]], [free[4], free[17]]]
        for beams, penalty, ngram in draw.sample(settings, 14):
            end_ids, max_new = draw.choice(ends), draw.choice([1, 5, 24, 24, 24])
            keys = dict(max_new_tokens=max_new, num_beams=beams, no_repeat_ngram_size=ngram)
            if beams > 1:
                keys["length_penalty"] = penalty
            ids, out = generate(single, prompt, end_ids, **keys)
            exact, _ = generate(double, prompt, end_ids, **keys)
            if ids != exact:
                yield None
                continue
            score = out.sequences_scores[0].item() if beams > 1 else None
            yield dict(
                model=name, prompt=prompt, max_new=max_new, beams=beams, length_penalty=penalty, no_repeat_ngram=ngram,
                end_ids=end_ids, ids=ids, score=score,
            )  # fmt: skip


def write_small():
    draw, kept, left_out = random.Random(7), [], 0
    for name in SMALL:
        folder = HERE / "goldens" / name
        single = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        double = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()
        for case in small_cases(name, single, double, draw):
            left_out += case is None
            kept += [case] if case else []
    ended = sum(bool(case["end_ids"]) and case["ids"][-1] in case["end_ids"] for case in kept)
    rows = ",\n".join(json.dumps(case, separators=(",", ":")) for case in kept)
    (HERE / "goldens/generation.json").write_text(f'{{"ended":{ended},"cases":[\n{rows}\n]}}\n')
    print(f"{len(kept)} cases, {ended} end by an end token, {left_out} left out: fp32 and float64 disagree")


def wikisql_prompts():
    tables = {}
    for line in open(SHARED / "data/wikisql/dev.tables.jsonl", encoding="utf-8"):
        table = json.loads(line)
        tables[table["id"]] = table["header"]
    for number, line in enumerate(open(SHARED / "data/wikisql/dev.jsonl", encoding="utf-8"), 1):
        example = json.loads(line)
        yield f"dev:{number}", f"table: {', '.join(tables[example['table_id']])}\nquestion: {example['question']}\nsql:"


def samsum_prompts():
    for example in json.loads((SHARED / "data/samsum/val.json").read_text(encoding="utf-8")):
        yield example["id"], example["dialogue"].replace("\r\n", "\n") + "\n\n"


def smallest_gap(out):
    return min((top[0] - top[1]).item() for top in (scores[0].topk(2).values for scores in out.scores))


def write_stories():
    folder = SHARED / "models/stories3m"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ends = [model.config.eos_token_id]
    lines = []
    for task, prompts in (("wikisql", wikisql_prompts()), ("samsum", samsum_prompts())):
        encoded = ((name, tokenizer(text).input_ids) for name, text in prompts)
        for name, ids in itertools.islice((pair for pair in encoded if len(pair[1]) <= 400), 100):
            greedy, out = generate(model, ids, ends, max_new_tokens=64, num_beams=1)
            beam, _ = generate(model, ids, ends, max_new_tokens=32, num_beams=4, length_penalty=1.0)
            digest = hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:16]
            lines.append(
                dict(task=task, id=name, tokens=len(ids), sha256=digest, greedy=greedy, gap=smallest_gap(out), beam4=beam)
            )
    rows = ",\n".join(json.dumps(line, separators=(",", ":")) for line in lines)
    (HERE / "stories3m_generation.json").write_text(f'{{"max_new_greedy":64,"max_new_beam4":32,"prompts":[\n{rows}\n]}}\n')
    print(f"{len(lines)} prompts, smallest gap {min(line['gap'] for line in lines):.1e}")


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    wanted = sys.argv[1:] or ["small", "stories"]
    if "small" in wanted:
        write_small()
    if "stories" in wanted:
        write_stories()


if __name__ == "__main__":
    main()
