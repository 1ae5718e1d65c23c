"""Print each line's summed target NLL as PyTorch, transformers and PEFT compute it, to compare with `./rankscope nll`.

    HF_HUB_OFFLINE=1 python peft_nll.py --model DIR [--adapter DIR] --data FILE.jsonl [--float64]

--data: lines {"prompt_ids": [...], "target_ids": [...]}. Output, one line per input line: {"index", "tokens", "nll"}, tokens
being the target's and nll in nats. Without --float64 the models run as their libraries run them, in fp32.
"""

import argparse
import json

import torch
import transformers
from transformers import AutoModelForCausalLM

import small_models


def load(options):
    if options.float64:
        model = small_models.load(options.model)
    else:
        model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
    if options.adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, options.adapter, autocast_adapter_dtype=False)
        model = model.to(torch.float64 if options.float64 else torch.float32).eval()
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--adapter")
    parser.add_argument("--data", required=True)
    parser.add_argument("--float64", action="store_true")
    options = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    model = load(options)
    with torch.no_grad():
        for index, line in enumerate(small_models.read_batch(options.data)):
            # Prompt tuning's logits begin with rows of its virtual tokens.
            logits = small_models.forward(model, [line])[-len(line["prompt_ids"] + line["target_ids"]) :]
            nll = small_models.line_nll(logits, [line])
            print(json.dumps({"index": index, "tokens": len(line["target_ids"]), "nll": nll.item()}), flush=True)


if __name__ == "__main__":
    main()
