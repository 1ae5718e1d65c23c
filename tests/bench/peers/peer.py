"""What the peers share: options, token files, padded batches, timed loops and result lines."""

import argparse
import json
import resource
import time

import torch
from transformers import AutoModelForCausalLM

# The first steps allocate buffers and let the libraries choose and compile kernels.
WARM_UP_STEPS = 2
# What else the machine does makes a round slower, never faster: the fastest counts, as in ../tasks_table.cpp.
ROUNDS = 3


def base_parser(description, batch):
    """What every peer that runs a model takes; `batch` is the default."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", required=True, help="model folder: config.json and model.safetensors")
    options.add_argument("--batch", type=int, default=batch, help="examples in a step")
    options.add_argument("--threads", type=int, help="default: PyTorch's own")
    options.add_argument("--json", action="store_true", help="print one JSON line instead of a sentence")
    return options


def parser(description):
    """The options of a peer that trains."""
    options = base_parser(description, batch=8)
    options.add_argument("--data", required=True, help='lines {"prompt_ids": [...], "target_ids": [...]}, from tokens.py')
    options.add_argument("--steps", type=int, default=10, help=f"timed steps, after {WARM_UP_STEPS} that are not")
    options.add_argument("--r", type=int, default=8, help="LoRA rank; alpha equals it")
    options.add_argument("--lr", type=float, default=2e-4)
    options.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
    return options


def evaluation_parser(description):
    """The options of a peer that decodes or ranks."""
    options = base_parser(description, batch=32)
    options.add_argument("--prompts", required=True, help="FILE of the description")
    return options


def start(options, file):
    """The lines of `file`, with PyTorch set up for them."""
    torch.manual_seed(0)
    if options.threads:
        torch.set_num_threads(options.threads)
    with open(file, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def prepare_evaluation(options):
    """(model in fp32, the lines of --prompts sorted by the length of their prompt)."""
    examples = sorted(start(options, options.prompts), key=lambda example: len(example["prompt_ids"]))
    return AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval(), examples


def timed(work, examples, batch):
    """Seconds of work(BATCH) over all examples, the fastest of ROUNDS."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for first in range(0, len(examples), batch):
            work(examples[first : first + batch])
        best = min(best, time.perf_counter() - began)
    return best


def prepare(options):
    """The examples of --data as (prompt ids, target ids)."""
    return [(example["prompt_ids"], example["target_ids"]) for example in start(options, options.data)]


def load_model(folder):
    """The base in fp32. GPT-2's own dropout is off: it would cost the peers time, and rankscope's bases have none."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = 0.0
    return model


def add_lora(model, r):
    """LoRA on Wq and Wv; GPT-2's fused c_attn as a whole, the way PEFT's users adapt it."""
    from peft import LoraConfig, get_peft_model

    gpt2 = model.config.model_type == "gpt2"
    modules = ["c_attn"] if gpt2 else ["q_proj", "v_proj"]
    settings = LoraConfig(r=r, lora_alpha=r, target_modules=modules, fan_in_fan_out=gpt2, task_type="CAUSAL_LM")
    return get_peft_model(model, settings)


def pad(batch):
    """(ids, attention mask, labels with -100 outside targets), each [examples, longest]."""
    longest = max(len(prompt) + len(target) for prompt, target in batch)
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, -100)
    for row, (prompt, target) in enumerate(batch):
        length = len(prompt) + len(target)
        ids[row, :length] = torch.tensor(prompt + target)
        mask[row, :length] = 1
        labels[row, len(prompt) : length] = torch.tensor(target)
    return ids, mask, labels


def measure(name, options, model, batches, step_loss, warm_up=WARM_UP_STEPS, after_step=None):
    """Train over `batches` in turn; step_loss(ids, mask, labels) gives a step's loss. Batches are padded outside the clock.

    after_step(step) runs inside it, behind the optimizer's step, while the gradients are still there; steps count from 0.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=options.lr, foreach=True)
    model.train()
    seconds, tokens, padded = 0.0, 0, 0
    for step in range(warm_up + options.steps):
        tensors = pad(batches[step % len(batches)])
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
            loss = step_loss(*tensors)
        loss.backward()
        optimizer.step()
        if after_step:
            after_step(step)
        optimizer.zero_grad()
        elapsed = time.perf_counter() - began
        if step >= warm_up:
            seconds += elapsed
            tokens += int(tensors[1].sum())
            padded += tensors[1].numel()
    # Linux counts ru_maxrss in KiB.
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = {
        "peer": name,
        "tokens_per_second": tokens / seconds,
        "peak_memory_mib": memory,
        "loss": loss.item(),
        "examples_per_second": options.steps * options.batch / seconds,
        "real_tokens_of_padded": tokens / padded,
        "threads": torch.get_num_threads(),
    }
    if options.json:
        print(json.dumps(result))
    else:
        print(f"{name}: {tokens / seconds:,.0f} real tokens/s, {memory:,.0f} MiB, last loss {loss.item():.4f}")
