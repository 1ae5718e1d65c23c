"""Write a GPT-2-small-shaped model folder with random weights (124 M parameters, fp32): make_gpt2.py DIR

Speed and memory do not depend on the weights' values, and a folder made here needs no download.
"""

import sys

import torch
from transformers import GPT2Config, GPT2LMHeadModel


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: make_gpt2.py DIR")
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config())
    model.save_pretrained(sys.argv[1])
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")


if __name__ == "__main__":
    main()
