"""Train adapters with the program and let PEFT load them: prints both sides' likelihoods and how far they are apart.

    HF_HUB_OFFLINE=1 python check_peft_folders.py PROGRAM

Each adapter is trained for a few steps on a golden model, saved by `train`, and read by `nll` and by PEFT (in float64). The last
line is the largest relative difference of any line's likelihood; it ends with an error where that is 1e-5 or more.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from peft import PeftModel

import make_peft_method_adapters
import small_models

GOLDENS = Path(__file__).resolve().parent / "goldens"
BOUND = 1e-5
ADAPTERS = {
    "dora gpt2_tied": ("gpt2_tied", "dora", ["rank=3", "alpha=7", "targets=all"]),
    "dora gpt2_tied Wv alone": ("gpt2_tied", "dora", ["rank=2", "targets=Wv"]),
    "dora gpt2_tied ranks": ("gpt2_tied", "dora", ["targets=Wq+Wk+Wo", "ranks=Wq:3,Wk:1,Wo:2", "alpha=5"]),
    "dora llama_gqa": ("llama_gqa", "dora", ["rank=3", "alpha=7", "targets=all"]),
    "dora llama_gqa rslora": ("llama_gqa", "dora", ["rank=4", "alpha=6", "rslora=true", "layers=1"]),
    "adalora gpt2_tied": ("gpt2_tied", "adalora", ["rank=2", "t_init=2", "t_final=3", "targets=attention"]),
    "adalora llama_gqa": ("llama_gqa", "adalora", ["rank=2", "t_init=2", "t_final=3", "targets=attention"]),
    "pissa gpt2_tied": ("gpt2_tied", "lora", ["rank=3", "alpha=6", "init=pissa"]),
    "pissa llama_gqa": ("llama_gqa", "lora", ["rank=3", "alpha=6", "init=pissa", "targets=Wq+Wv+W1"]),
    "prefix_kv gpt2_tied": ("gpt2_tied", "prefix_kv", ["prefix=3"]),
    "prefix_kv llama_gqa": ("llama_gqa", "prefix_kv", ["prefix=5"]),
    "prefix_embed gpt2_tied": ("gpt2_tied", "prefix_embed", ["prefix=4"]),
    "prefix_embed llama_gqa": ("llama_gqa", "prefix_embed", ["prefix=3"]),
}


def run(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{program} {' '.join(map(str, arguments))}: {done.stderr}")
    return done.stdout


def train(program, case, method, settings, folder, seed=1):
    data = GOLDENS / case / "batch.jsonl"
    all_settings = [f"--set={s}" for s in (*settings, "lr=2e-2", "batch=3", f"seed={seed}")]
    run(program, "train", "--model", GOLDENS / case, "--data", data, "--method", method, *all_settings,
        "--steps", 12, "--threads", 1, "--out", folder)
    return folder / "adapter"


def nll_of_program(program, case, adapter):
    command = ["nll", "--json", "--threads", 1, "--model", GOLDENS / case, "--data", GOLDENS / case / "batch.jsonl"]
    if adapter:
        command += ["--adapter", adapter]
    return [json.loads(line)["nll"] for line in run(program, *command).splitlines()]


def load(case, adapter, name="default"):
    base = small_models.load(GOLDENS / case)
    return PeftModel.from_pretrained(base, adapter, adapter_name=name, autocast_adapter_dtype=False).double().eval()


def nll_of_peft(model, case):
    return make_peft_method_adapters.line_nll(model, small_models.read_batch(GOLDENS / case / "batch.jsonl"))


def apart(ours, theirs):
    return max(abs(a - b) / abs(b) for a, b in zip(ours, theirs, strict=True))


def check_saved(program, parent):
    worst = 0.0
    for name, (case, method, settings) in ADAPTERS.items():
        adapter = train(program, case, method, settings, parent / name.replace(" ", "_"))
        ours, base = nll_of_program(program, case, adapter), nll_of_program(program, case, None)
        difference = apart(ours, nll_of_peft(load(case, adapter), case))
        worst = max(worst, difference)
        print(f"{name}: {difference:.1e} apart; moved {apart(ours, base):.2f} from the base", flush=True)
    return worst


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as parent:
        worst = check_saved(program, Path(parent))
    print(f"largest relative difference: {worst:.1e}")
    if worst >= BOUND:
        sys.exit(f"more than {BOUND} apart")


if __name__ == "__main__":
    main()
