"""Write the token ids of a task's training examples, the file that `./rankscope train --data` and the peers read.

    tokens.py --tokenizer DIR --task wikisql|mnli|samsum --out FILE.jsonl [--count 256] [--max-length 512]

Each line is {"prompt_ids": [...], "target_ids": [...]}. The ids that open a prompt and end a target come from
DIR/config.json (bos_token_id, eos_token_id); a GPT-2 tokenizer without one ends targets with <|endoftext|> and opens
nothing. --bos and --eos override both (-1: none).

The data folder is $RS_DATA, else $RANKSCOPE_SHARED/data, else ../shared/data relative to the repository root.
"""

import argparse
import itertools
import json
import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("RANKSCOPE_SHARED", REPOSITORY.parent / "shared"))
DATA = Path(os.environ.get("RS_DATA", SHARED / "data"))

# The order of these two lists is WikiSQL's own encoding of aggregations and operators (its lib/query.py).
AGGREGATIONS = ["", "MAX", "MIN", "COUNT", "SUM", "AVG"]
OPERATORS = ["=", ">", "<", "OP"]
MNLI_WORDS = {"entailment": "true", "neutral": "neither", "contradiction": "false"}


def json_lines(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def wikisql_examples():
    headers = {table["id"]: table["header"] for table in json_lines(DATA / "wikisql/train.tables.jsonl")}
    for example in json_lines(DATA / "wikisql/train.jsonl"):
        header, query = headers[example["table_id"]], example["sql"]
        column = header[query["sel"]]
        selected = f"{AGGREGATIONS[query['agg']]}({column})" if query["agg"] else column
        sql = f"SELECT {selected} FROM table"
        conditions = [f"{header[c]} {OPERATORS[o]} {value}" for c, o, value in query["conds"]]
        if conditions:
            sql += " WHERE " + " AND ".join(conditions)
        yield f"table: {', '.join(header)}\nquestion: {example['question']}\nsql:", " " + sql


def mnli_examples():
    for example in json_lines(DATA / "mnli/train.jsonl"):
        question = f"{example['sentence1']} question: {example['sentence2']} true, false or neither? answer:"
        yield question, " " + MNLI_WORDS[example["gold_label"]]


def samsum_examples():
    with open(DATA / "samsum/train.json", encoding="utf-8") as file:
        examples = json.load(file)
    for example in examples:
        if example["dialogue"]:
            yield example["dialogue"].replace("\r\n", "\n") + "\n\n", " " + example["summary"]


TASKS = {"wikisql": wikisql_examples, "mnli": mnli_examples, "samsum": samsum_examples}


def boundary_ids(folder, tokenizer):
    """(id that opens a prompt or None, id that ends a target or None) of a model or tokenizer folder."""
    config = Path(folder) / "config.json"
    if config.exists():
        values = json.loads(config.read_text(encoding="utf-8"))
        if values.get("model_type") != "gpt2":
            return values.get("bos_token_id"), values.get("eos_token_id")
    # GPT-2 was trained with <|endoftext|> between documents and no token of its own to open one.
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    return None, end


def encode(tokenizer, pairs, max_length, bos, eos):
    """Token ids of (prompt, target) pairs. Where both exceed max_length the prompt loses its end first, down to one token."""
    for prompt_text, target_text in pairs:
        prompt = [] if bos is None else [bos]
        prompt += tokenizer(prompt_text, add_special_tokens=False).input_ids
        target = tokenizer(target_text, add_special_tokens=False).input_ids
        target += [] if eos is None else [eos]
        prompt = prompt[: max(1, max_length - len(target))]
        yield prompt, target[: max_length - len(prompt)]


def task_tokens(folder, task, count, max_length, bos=None, eos=None):
    """The first `count` training examples of `task` as (prompt ids, target ids); bos/eos of -1 mean none, None the folder's."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    found_bos, found_eos = boundary_ids(folder, tokenizer)
    bos = found_bos if bos is None else (None if bos < 0 else bos)
    eos = found_eos if eos is None else (None if eos < 0 else eos)
    pairs = itertools.islice(TASKS[task](), count)
    return list(encode(tokenizer, pairs, max_length, bos, eos))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True, help="model folder, or a folder with a tokenizer only")
    parser.add_argument("--task", required=True, choices=sorted(TASKS))
    parser.add_argument("--out", required=True)
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--max-length", type=int, default=512)
    parser.add_argument("--bos", type=int)
    parser.add_argument("--eos", type=int)
    options = parser.parse_args()
    examples = task_tokens(options.tokenizer, options.task, options.count, options.max_length, options.bos, options.eos)
    with open(options.out, "w", encoding="utf-8") as out:
        for prompt, target in examples:
            out.write(json.dumps({"prompt_ids": prompt, "target_ids": target}) + "\n")


if __name__ == "__main__":
    main()
