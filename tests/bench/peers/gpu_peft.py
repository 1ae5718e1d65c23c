"""LoRA training and decoding on one GPU as PEFT's and transformers' users run it: the peer of `./rankscope bench gpu`.

    gpu_peft.py --all [--only TEXT[,TEXT]]        every row below, one JSON line each
    gpu_peft.py --work gpt2-medium|llama-1b|stories3m [--task wikisql|mnli|samsum] [--batch N] [--steps N] [--rank R]
                [--trials N] [--attention fastest|sdpa|sdpa_causal|eager|flash_attention_2] [--compile] [--autocast]
    gpu_peft.py --work gpt2-medium-decode [--task wikisql] [--batch 64] [--new 64] [--attention ...]
    gpu_peft.py --gemm                            the card's own speed: matrix products and copies
    all take [--json] [--device cuda|cpu] [--tiny]; --tiny shrinks every shape, to try the script without a GPU

Models are made here in bfloat16 from a config with random weights, token ids are random with the lengths of ../lengths.json
in file order, so no file of a model or of data is needed. Adapters are PEFT's own, in its default fp32 over the bf16 base.
The clock runs over forward, backward, AdamW's step and zero_grad; batches are padded and on the GPU before it starts, and the
untimed steps before it go over the very batches that are timed.
"""

import argparse
import gc
import json
import os
import random
import statistics
import sys
import time
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

BEGAN = time.perf_counter()

import torch  # noqa: E402
import transformers  # noqa: E402
from peer import pad  # noqa: E402

LENGTHS = Path(__file__).resolve().parent.parent / "lengths.json"
TASK_BATCH = {"wikisql": 16, "mnli": 32, "samsum": 8}
RANKS = {"gpt2-medium": 4, "llama-1b": 8, "stories3m": 8}
# lengths.json knows two tokenizers. Llama 3's splits English about as GPT-2's does.
TOKENIZER = {"gpt2-medium": "gpt2", "llama-1b": "gpt2", "stories3m": "stories3m"}
WORKS = [*RANKS, "gpt2-medium-decode"]
# sdpa_causal: sdpa without the mask tensor. Padding on the right needs none, since no real position attends to it and no
# label lies there, and without it PyTorch can choose its flash kernel.
ATTENTIONS = ["sdpa", "sdpa_causal", "eager", "flash_attention_2"]
ALL = [
    *(
        {"work": work, "task": task, "batch": factor * TASK_BATCH[task]}
        for work in ("gpt2-medium", "llama-1b") for task in TASK_BATCH for factor in (1, 4)
    ),
    {"work": "gpt2-medium-decode", "task": "wikisql"},
    {"work": "gpt2-medium-decode", "task": "samsum"},
    {"work": "stories3m", "task": "wikisql", "trials": 16, "steps": 40},
    {"work": "gemm"},
]


def parse():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--all", action="store_true")
    options.add_argument("--only", default="", help='with --all: only rows whose "work task" holds one of these texts')
    options.add_argument("--budget", type=float, default=240, help="with --all: seconds after which no row is begun")
    options.add_argument("--work", choices=WORKS)
    options.add_argument("--gemm", action="store_true")
    options.add_argument("--task", choices=list(TASK_BATCH), default="wikisql")
    options.add_argument("--batch", type=int, help="examples in a step; default: wikisql 16, mnli 32, samsum 8, prompts 64")
    options.add_argument("--steps", type=int, help="timed steps, default 20; with --trials those of one run, default 40")
    options.add_argument("--warm-up", type=int, default=10, help="untimed steps; timed ones repeat their batches")
    options.add_argument("--rank", type=int, help="LoRA rank, alpha equals it; default: gpt2-medium 4, the others 8")
    options.add_argument("--lr", type=float, default=2e-4)
    options.add_argument("--trials", type=int, help="training runs one after the other, each a new adapter on one base")
    options.add_argument("--new", type=int, default=64, help="tokens that each prompt is continued by")
    options.add_argument("--attention", choices=["fastest", *ATTENTIONS], default="fastest")
    options.add_argument("--compile", action="store_true", help="torch.compile the model (minutes before the first step)")
    options.add_argument("--autocast", action="store_true", help="run under bf16 autocast, as Trainer(bf16=True) does")
    options.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    options.add_argument("--tiny", action="store_true")
    options.add_argument("--json", action="store_true", help="print JSON lines instead of sentences")
    parsed = options.parse_args()
    if not (parsed.all or parsed.work or parsed.gemm):
        options.error("give --all, --work or --gemm")
    if parsed.device == "cuda" and not torch.cuda.is_available():
        options.error("no GPU here: try --device cpu --tiny")
    return parsed


# --- the device -------------------------------------------------------------------------------------------------------


class Device:
    """Clock and memory of the GPU; on the CPU, for trying the script, memory reads as zero."""

    def __init__(self, name):
        self.name = name
        self.cuda = name == "cuda"

    def synchronize(self):
        if self.cuda:
            torch.cuda.synchronize()

    def mark(self):
        """A point in the stream of work, taken without waiting for it."""
        if not self.cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def between(self, first, second):
        """Seconds from one mark to another, after synchronize()."""
        return first.elapsed_time(second) / 1e3 if self.cuda else second - first

    def forget_peak(self):
        gc.collect()
        if self.cuda:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def memory(self):
        """Peaks since forget_peak(), in MiB; device_memory_mib counts the CUDA context and all else on the card now."""
        if not self.cuda:
            return {"peak_memory_mib": 0, "reserved_memory_mib": 0, "device_memory_mib": 0}
        free, total = torch.cuda.mem_get_info()
        return {
            "peak_memory_mib": round(torch.cuda.max_memory_allocated() / 2**20, 1),
            "reserved_memory_mib": round(torch.cuda.max_memory_reserved() / 2**20, 1),
            "device_memory_mib": round((total - free) / 2**20, 1),
        }

    def about(self):
        try:
            peft = version("peft")
        except PackageNotFoundError:
            peft = "missing"
        return {
            "gpu": torch.cuda.get_device_name() if self.cuda else "cpu",
            "versions": f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft}",
        }


# --- models and batches -----------------------------------------------------------------------------------------------


def config(work, tiny):
    if work.startswith("gpt2-medium"):
        shape = {"n_embd": 1024, "n_layer": 24, "n_head": 16, "vocab_size": 50257}
        if tiny:
            shape = {"n_embd": 64, "n_layer": 2, "n_head": 2, "vocab_size": 512}
        # Dropout is off here as in the other peers: it would cost time, and rankscope's bases have none.
        return transformers.GPT2Config(n_positions=1024, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **shape)
    shape = {"max_position_embeddings": 2048}
    if work == "llama-1b":  # Llama-3.2-1B
        shape |= {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "vocab_size": 128256}
        shape |= {"num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64}
    else:
        shape |= {"hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 6, "vocab_size": 4096}
        shape |= {"num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 32}
    if tiny:
        shape |= {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 512}
        shape |= {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}
    return transformers.LlamaConfig(tie_word_embeddings=True, rms_norm_eps=1e-5, **shape)


def make_model(work, options, attention):
    """The base in bfloat16, made on the device."""
    torch.manual_seed(0)
    with torch.device(options.device):
        model = transformers.AutoModelForCausalLM.from_config(
            config(work, options.tiny), dtype=torch.bfloat16, attn_implementation=implementation(attention)
        )
    return model.to(options.device)


def implementation(attention):
    return "sdpa" if attention == "sdpa_causal" else attention


def attentions(options, causal):
    """What --attention asks for; "fastest" is every one that runs here. `causal`: padding is on the right."""
    if options.attention != "fastest":
        if options.attention == "sdpa_causal" and not causal:
            raise ValueError("sdpa_causal is for training: prompts are padded on the left")
        return [options.attention]
    flash = False
    try:
        from transformers.utils import is_flash_attn_2_available

        flash = options.device == "cuda" and is_flash_attn_2_available()
    except Exception as error:  # A broken installation is as good as none.
        print(f"flash_attention_2: {error}", file=sys.stderr)
    return ["sdpa", *(["sdpa_causal"] if causal else []), "eager", *(["flash_attention_2"] if flash else [])]


def choose(names, base, seconds_of):
    """The fastest attention by seconds_of(name), and the seconds of each; `base` is left with it."""
    seconds = {}
    for name in names if len(names) > 1 else []:
        try:
            base.set_attn_implementation(implementation(name))
            seconds[name] = seconds_of(name)
        except Exception as error:  # One that does not run is not the fastest.
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
    best = min(seconds, key=seconds.get) if seconds else names[0]
    base.set_attn_implementation(implementation(best))
    return best, {name: round(value, 5) for name, value in seconds.items()}


def add_lora(base, work, rank):
    from peft import LoraConfig, get_peft_model

    # GPT-2 has one matrix for Wq, Wk and Wv. PEFT can adapt it only as a whole: one A for the three and Wk besides, and that
    # is what its users train; rankscope adapts Wq and Wv.
    gpt2 = work == "gpt2-medium"
    modules = ["c_attn"] if gpt2 else ["q_proj", "v_proj"]
    settings = LoraConfig(r=rank, lora_alpha=rank, target_modules=modules, fan_in_fan_out=gpt2, task_type="CAUSAL_LM")
    base.config.use_cache = False  # As Trainer does; keys and values kept for decoding would cost training memory.
    return get_peft_model(base, settings).train()


def lengths(tokenizer, task):
    with open(LENGTHS, encoding="utf-8") as file:
        return json.load(file)["lengths"][tokenizer][task]


def draw(count, vocabulary, draws):
    return [draws.randrange(vocabulary) for _ in range(count)]


def training_batches(work, task, batch, count, vocabulary, device):
    """`count` padded batches in file order, from the start again where the file ends: (ids, mask, labels), real tokens."""
    draws = random.Random(0)
    pairs = lengths(TOKENIZER[work], task)
    examples = [(draw(prompt, vocabulary, draws), draw(target, vocabulary, draws)) for prompt, target in pairs]
    batches = []
    for step in range(count):
        tensors = pad([examples[(step * batch + i) % len(examples)] for i in range(batch)])
        batches.append((tuple(tensor.to(device) for tensor in tensors), int(tensors[1].sum())))
    return batches


# --- training ---------------------------------------------------------------------------------------------------------


class Training:
    """One adapter with its optimizer; step(batch) trains it."""

    def __init__(self, base, work, rank, attention, options):
        self.model = add_lora(base, work, rank)
        self.run = self.model
        self.attention = attention
        self.autocast = options.autocast
        self.device = options.device
        parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.parameters = sum(parameter.numel() for parameter in parameters)
        self.optimizer = torch.optim.AdamW(parameters, lr=options.lr, fused=True)

    def step(self, tensors):
        ids, mask, labels = tensors
        with torch.autocast(self.device, torch.bfloat16, enabled=self.autocast):
            loss = self.run(input_ids=ids, attention_mask=None if self.attention == "sdpa_causal" else mask, labels=labels).loss
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()

    def remove(self):
        """The base without the adapter, as it was."""
        base = self.model.unload()
        if hasattr(base, "peft_config"):
            del base.peft_config
        return base


def run_steps(training, batches, steps, device):
    """(seconds of all, seconds of each, real tokens of each, last loss) over `batches` in turn."""
    device.synchronize()
    began = time.perf_counter()
    marks = [device.mark()]
    for step in range(steps):
        loss = training.step(batches[step % len(batches)][0])
        marks.append(device.mark())
    device.synchronize()
    seconds = time.perf_counter() - began
    each = [device.between(first, second) for first, second in zip(marks, marks[1:])]
    return seconds, each, [batches[step % len(batches)][1] for step in range(steps)], loss.item()


def choose_for(training, base, batches, options, device):
    """Set the fastest attention; returns the seconds of a step with each."""
    some = batches[:3]

    def seconds_of(name):
        training.attention = name
        run_steps(training, some, len(some), device)
        return min(run_steps(training, some, len(some), device)[0] for _ in range(2)) / len(some)

    training.attention, tried = choose(attentions(options, causal=True), base, seconds_of)
    training.optimizer.zero_grad()  # What an attention that failed half-way may have left.
    return tried


def padding_share(batches, steps):
    used = [batches[step % len(batches)] for step in range(steps)]
    return sum(tokens for _, tokens in used) / sum(tensors[0].numel() for tensors, _ in used)


def train(work, task, batch, steps, options, device):
    rank = options.rank or RANKS[work]
    base = make_model(work, options, "sdpa")
    batches = training_batches(work, task, batch, options.warm_up, base.config.vocab_size, options.device)
    training = Training(base, work, rank, "sdpa", options)
    tried = choose_for(training, base, batches, options, device)
    if options.compile:
        training.run = torch.compile(training.model, dynamic=True)
    device.forget_peak()
    run_steps(training, batches, options.warm_up, device)
    seconds, each, tokens, loss = run_steps(training, batches, steps, device)
    return {
        "peer": "peft lora" + (", compiled" if options.compile else "") + (", autocast" if options.autocast else ""),
        "work": work,
        "task": task,
        "tokens_per_second": sum(tokens) / seconds,
        "median_tokens_per_second": statistics.median(count / s for count, s in zip(tokens, each)),
        **device.memory(),
        "attention": training.attention,
        "seconds_per_step": seconds / steps,
        "median_seconds_per_step": statistics.median(each),
        "loss": loss,
        "batch": batch,
        "steps": steps,
        "rank": rank,
        "trained_parameters": training.parameters,
        "tokens_per_step": sum(tokens) / steps,
        "real_tokens_of_padded": padding_share(batches, steps),
        "seconds_per_step_tried": tried,
    }


def train_trials(work, task, batch, steps, trials, options, device):
    """`trials` runs one after the other on one base that stays on the GPU: set-up is a new adapter and its optimizer."""
    rank = options.rank or RANKS[work]
    base = make_model(work, options, "sdpa")
    batches = training_batches(work, task, batch, options.warm_up, base.config.vocab_size, options.device)
    training = Training(base, work, rank, "sdpa", options)
    tried = choose_for(training, base, batches, options, device)
    attention = training.attention
    run_steps(training, batches, options.warm_up, device)
    base = training.remove()
    del training
    device.forget_peak()
    began = time.perf_counter()
    alone, total_tokens, losses = 0.0, 0, []
    for trial in range(trials):
        torch.manual_seed(trial)
        training = Training(base, work, rank, attention, options)
        seconds, _, tokens, loss = run_steps(training, batches, steps, device)
        alone += seconds
        total_tokens += sum(tokens)
        losses.append(loss)
        base = training.remove()
    device.synchronize()
    total = time.perf_counter() - began
    return {
        "peer": "peft lora, one run after the other" + (", autocast" if options.autocast else ""),
        "work": work,
        "task": task,
        "tokens_per_second": total_tokens / alone,
        "tokens_per_second_with_set_up": total_tokens / total,
        "seconds_training": alone,
        "seconds_with_set_up": total,
        **device.memory(),
        "attention": attention,
        "seconds_per_step": alone / (trials * steps),
        "loss": losses[-1],
        "trials": trials,
        "batch": batch,
        "steps": steps,
        "rank": rank,
        "real_tokens_of_padded": padding_share(batches, steps),
        "seconds_per_step_tried": tried,
    }


# --- decoding and the card --------------------------------------------------------------------------------------------


def decode(work, task, batch, options, device):
    """generate() on one batch of prompts: greedy, padded on the left, each continued by exactly --new tokens."""
    model = make_model(work, options, "sdpa").eval()
    # No token ends a text, and so nothing need be forbidden to reach --new tokens.
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    draws = random.Random(0)
    counts = sorted(prompt for prompt, _ in lengths("gpt2", task)[:batch])
    prompts = [draw(count, model.config.vocab_size, draws) for count in counts]
    longest = counts[-1]
    ids = torch.tensor([[0] * (longest - len(p)) + p for p in prompts], device=options.device)
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=options.device)

    def generate(new):
        device.synchronize()
        began = time.perf_counter()
        with torch.no_grad():
            out = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=new, do_sample=False)
        device.synchronize()
        seconds = time.perf_counter() - began
        if out.shape[1] != longest + new:
            raise RuntimeError(f"generate() stopped after {out.shape[1] - longest} tokens of {new}")
        return seconds

    def seconds_of(_):
        generate(2)
        return generate(6) / 6

    attention, tried = choose(attentions(options, causal=False), model, seconds_of)
    device.forget_peak()
    generate(4)
    seconds = min(generate(options.new) for _ in range(2))
    return {
        "peer": "transformers generate",
        "work": work,
        "task": task,
        "tokens_per_second": len(prompts) * options.new / seconds,
        **device.memory(),
        "attention": attention,
        "seconds_per_step": seconds / options.new,
        "loss": None,
        "batch": len(prompts),
        "new": options.new,
        "longest_prompt": longest,
        "seconds_per_step_tried": tried,
    }


def gemm(options, device):
    """Matrix products on random data and a copy from the card's memory to itself: medians of ten."""
    size = 256 if options.tiny else 8192
    torch.set_float32_matmul_precision("highest")  # fp32 as such, not TF32

    def median(work):
        for _ in range(3):
            work()
        seconds = []
        for _ in range(10):
            device.synchronize()
            first = device.mark()
            work()
            second = device.mark()
            device.synchronize()
            seconds.append(device.between(first, second))
        return statistics.median(seconds)

    rates = {}
    for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        a, b = (torch.randn(size, size, device=options.device, dtype=dtype) for _ in range(2))
        out = torch.empty_like(a)
        rates[f"{name}_tflops"] = 2 * size**3 / median(lambda: torch.mm(a, b, out=out)) / 1e12
    source = torch.randn(size * size * (4 if options.tiny else 16), device=options.device)
    target = torch.empty_like(source)
    # Bytes read and bytes written both count.
    rates["copy_gb_per_second"] = 2 * source.numel() * source.element_size() / median(lambda: target.copy_(source)) / 1e9
    return {"peer": "torch gemm", "work": "gemm", "size": size, **rates}


# --- rows -------------------------------------------------------------------------------------------------------------


def measure(row, options, device):
    work, task = row["work"], row.get("task")
    if work == "gemm":
        return gemm(options, device)
    if work == "gpt2-medium-decode":
        return decode(work, task, row.get("batch") or (4 if options.tiny else 64), options, device)
    batch = row.get("batch") or (2 if options.tiny else TASK_BATCH[task])
    trials = row.get("trials")
    if trials:
        steps = row.get("steps") or 40
        if options.tiny and options.all:
            trials, steps = 2, 3
        return train_trials(work, task, batch, steps, trials, options, device)
    steps = row.get("steps") or options.steps or 20
    if options.tiny and options.all:
        steps = 3
    return train(work, task, batch, steps, options, device)


def sentence(result):
    if "error" in result:
        return f"{result['work']} {result.get('task', '')}: {result['error']}"
    if result["work"] == "gemm":
        return (
            f"gemm {result['size']}: bf16 {result['bf16_tflops']:.1f} TFLOP/s, fp32 {result['fp32_tflops']:.1f} TFLOP/s, "
            f"copy {result['copy_gb_per_second']:,.0f} GB/s"
        )
    text = f"{result['peer']}, {result['work']} {result['task']}: {result['tokens_per_second']:,.0f} tokens/s, "
    text += f"{result['peak_memory_mib']:,.0f} MiB, {result['attention']}"
    return text + (f", last loss {result['loss']:.4f}" if result["loss"] is not None else "")


def main():
    options = parse()
    device = Device(options.device)
    if options.device == "cpu":
        torch.set_num_threads(1)
    rows = []
    if options.all:
        only = [text for text in options.only.split(",") if text]
        rows = [row for row in ALL if not only or any(text in f"{row['work']} {row.get('task', '')}" for text in only)]
    if options.work:
        row = {"work": options.work, "task": options.task, "batch": options.batch, "steps": options.steps}
        rows.append({**row, "trials": options.trials})
    if options.gemm:
        rows.append({"work": "gemm"})
    failed = False
    print(f"ready after {time.perf_counter() - BEGAN:.1f} s of imports", file=sys.stderr, flush=True)
    for row in rows:
        began = time.perf_counter()
        try:
            if options.all and began - BEGAN > options.budget:
                raise TimeoutError("not begun: --budget is spent")
            result = {**measure(row, options, device), **device.about()}
        except Exception as error:  # One row's failure must not lose the others.
            traceback.print_exc()
            failed = True
            result = {"work": row["work"], "task": row.get("task", ""), "error": f"{type(error).__name__}: {error}"[:300]}
        device.forget_peak()
        result["seconds_of_row"] = round(time.perf_counter() - began, 2)
        print(json.dumps(result) if options.json or options.all else sentence(result), flush=True)
    sys.exit(4 if failed else 0)  # 1 is an exception that nobody caught


if __name__ == "__main__":
    main()
