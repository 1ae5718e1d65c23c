"""Train adapters with the program and let PEFT load them: prints both sides' likelihoods and how far they are apart.

    HF_HUB_OFFLINE=1 python check_peft_folders.py PROGRAM

Each adapter is trained for a few steps on a golden model, saved by `train`, and read by `nll` and by PEFT (in float64). Then
two LoRA adapters are combined by `combine` and by PEFT's add_weighted_adapter, and `merge`d models are read by transformers.
The last line is the largest relative difference of any line's likelihood; it ends with an error where that is 1e-5 or more.
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


def combine(program, out, adapters, weights, *more):
    options = [x for a in adapters for x in ("--adapter", a)] + [f"--weight={w}" for w in weights]
    run(program, "combine", *options, *more, "--out", out)
    return out


def check_combined(program, parent):
    """PEFT's three ways on two adapters with alpha = 2 r, and ours, which PEFT loads too."""
    worst, case, weights = 0.0, "llama_gqa", [0.75, -1.5]
    adapters = [train(program, case, "lora", ["rank=3", "alpha=6"], parent / f"lora_{seed}", seed) for seed in (1, 2)]
    model = load(case, adapters[0], "one")
    model.load_adapter(adapters[1], "two", autocast_adapter_dtype=False)
    for name in ("cat", "linear", "svd"):
        model.add_weighted_adapter(["one", "two"], weights, name, combination_type=name)
        model.set_adapter(name)
        theirs = nll_of_peft(model.double(), case)
        ours = combine(program, parent / name, adapters, weights, "--type", name)
        differences = apart(nll_of_program(program, case, ours), theirs), apart(nll_of_peft(load(case, ours), case), theirs)
        worst = max(worst, *differences)
        print(f"combine {name}: {differences[0]:.1e} apart read by the program, {differences[1]:.1e} by PEFT", flush=True)
    return worst


def check_merged(program, parent):
    worst = 0.0
    for name, (case, method, _) in ADAPTERS.items():
        if method.startswith("prefix"):
            continue
        adapter, out = parent / name.replace(" ", "_") / "adapter", parent / f"merged_{name.replace(' ', '_')}"
        run(program, "merge", "--model", GOLDENS / case, "--adapter", adapter, "--out", out)
        difference = apart(nll_of_peft(small_models.load(out), case), nll_of_peft(load(case, adapter), case))
        worst = max(worst, difference)
        print(f"merge {name}: {difference:.1e} apart, read by transformers", flush=True)
    return worst


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as parent:
        worst = max(check(program, Path(parent)) for check in (check_saved, check_combined, check_merged))
    print(f"largest relative difference: {worst:.1e}")
    if worst >= BOUND:
        sys.exit(f"more than {BOUND} apart")


if __name__ == "__main__":
    main()
