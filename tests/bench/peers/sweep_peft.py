"""A rank sweep as a PEFT user scripts it: the peer of `./rankscope bench sweep`.

    sweep_peft.py --model DIR --train TRAIN.jsonl --score SCORED.jsonl [--ranks 1,8] [--epochs 2] [--threads N] [--json]

Both files hold lines {"prompt", "target"}, as `rankscope render` prints them. For each rank: load the base, train LoRA on
q_proj and v_proj over padded batches in random order, merge, continue the scored prompts greedily in padded batches with
generate(), count exact matches. Loading the tokenizer and tokenizing the training texts is outside the clock.
"""

import argparse
import json
import random
import time

import torch
from peer import pad
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer


def parse():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", required=True)
    options.add_argument("--train", required=True)
    options.add_argument("--score", required=True)
    options.add_argument("--ranks", default="1,8")
    options.add_argument("--epochs", type=int, default=2)
    options.add_argument("--batch", type=int, default=16)
    options.add_argument("--score-batch", type=int, default=32)
    options.add_argument("--new", type=int, default=64, help="tokens generated at most")
    options.add_argument("--lr", type=float, default=2e-3)
    options.add_argument("--threads", type=int)
    options.add_argument("--json", action="store_true")
    return options.parse_args()


def read(file):
    with open(file, encoding="utf-8") as lines:
        return [(e["prompt"], e["target"]) for e in map(json.loads, lines)]


def train(model, examples, options):
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=options.lr)
    model.train()
    for epoch in range(options.epochs):
        random.Random(epoch).shuffle(examples)
        for first in range(0, len(examples), options.batch):
            ids, mask, labels = pad(examples[first : first + options.batch])
            model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
            optimizer.step()
            optimizer.zero_grad()


def exact_matches(model, tokenizer, scored, end, options):
    model.eval()
    right = 0
    for first in range(0, len(scored), options.score_batch):
        batch = scored[first : first + options.score_batch]
        inputs = tokenizer([prompt for prompt, _ in batch], return_tensors="pt", padding=True)
        inputs.pop("token_type_ids", None)
        with torch.no_grad():
            out = model.generate(**inputs, max_new_tokens=options.new, do_sample=False, eos_token_id=end, pad_token_id=end)
        texts = tokenizer.batch_decode(out[:, inputs.input_ids.shape[1] :], skip_special_tokens=True)
        right += sum(text.strip() == target.strip() for text, (_, target) in zip(texts, batch))
    return right


def main():
    options = parse()
    torch.manual_seed(0)
    if options.threads:
        torch.set_num_threads(options.threads)
    tokenizer = AutoTokenizer.from_pretrained(options.model, padding_side="left")
    end = AutoModelForCausalLM.from_pretrained(options.model).config.eos_token_id
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.convert_ids_to_tokens(end)
    scored = read(options.score)
    # A target as it stands behind its prompt: SentencePiece would put a space before it alone.
    examples = [
        (before := tokenizer(prompt).input_ids, tokenizer(prompt + target).input_ids[len(before) :] + [end])
        for prompt, target in read(options.train)
    ]
    began = time.perf_counter()
    exact = []
    ranks = [int(rank) for rank in options.ranks.split(",")]
    for rank in ranks:
        base = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
        settings = LoraConfig(r=rank, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
        model = get_peft_model(base, settings)
        train(model, examples, options)
        exact.append(exact_matches(model.merge_and_unload(), tokenizer, scored, end, options))
    seconds = time.perf_counter() - began
    result = {"peer": "PEFT sweep", "trials_per_hour": 3600 * len(ranks) / seconds, "exact": exact,
              "threads": torch.get_num_threads()}  # fmt: skip
    print(json.dumps(result) if options.json else f"{result['trials_per_hour']:.0f} trials/hour, exact {exact}")


if __name__ == "__main__":
    main()
