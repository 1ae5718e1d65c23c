"""Write stories3m_nll.json: what transformers says of original passages under the stories3m model.

    HF_HUB_OFFLINE=1 python make_stories_nll.py

The model folder is $RANKSCOPE_SHARED/models/stories3m (default ../shared relative to the repository root). The passages are
in stories_passages.txt, written for this file, one a line, a `|` dividing prompt from target. Every prompt opens with bos.
Each example has its token ids and the summed NLL of the target in nats: in float64, and as transformers runs it in fp32.
"""

import json
import os
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

import small_models

HERE = Path(__file__).resolve().parent
SHARED = Path(os.environ.get("RANKSCOPE_SHARED", HERE.parents[2] / "shared"))
MODEL = SHARED / "models/stories3m"


def read_passages(tokenizer, bos):
    for line in (HERE / "stories_passages.txt").read_text(encoding="utf-8").splitlines():
        prompt, target = line.split("|")
        ids = [tokenizer(text, add_special_tokens=False).input_ids for text in (prompt, target) if text]
        yield {"prompt_ids": [bos, *(ids[0] if prompt else [])], "target_ids": ids[-1]}


def nll(model, batch):
    with torch.no_grad():
        return [small_models.line_nll(small_models.forward(model, [line]), [line]).item() for line in batch]


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    single = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
    batch = list(read_passages(tokenizer, single.config.bos_token_id))
    truth, fp32 = nll(small_models.load(MODEL), batch), nll(single, batch)
    examples = [{**line, "nll": a, "nll_fp32": b} for line, a, b in zip(batch, truth, fp32)]
    rows = ",\n".join("  " + json.dumps(example) for example in examples)
    (HERE / "stories3m_nll.json").write_text(f'{{"model": "stories3m", "examples": [\n{rows}\n]}}\n')
    tokens = sum(len(line["prompt_ids"]) + len(line["target_ids"]) for line in batch)
    targets = sum(len(line["target_ids"]) for line in batch)
    worst = max(abs(a - b) / a for a, b in zip(truth, fp32))
    print(f"{len(batch)} passages, {tokens} tokens, {targets} targets, {sum(truth) / targets:.3f} nats each, fp32 off by {worst:.1e}")


if __name__ == "__main__":
    main()
