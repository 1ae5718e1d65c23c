"""Write lengths.json: (prompt, target) token counts of real training examples, for benchmarks that need no data.

    lengths.py --gpt2 TOKENIZER_DIR --stories3m MODEL_DIR --out ../lengths.json

{"max_length": 512, "lengths": {tokenizer: {task: [[prompt, target], ...]}}}, the first 256 training examples.
"""

import argparse
import json

from tokens import TASKS, task_tokens

COUNT, MAX_LENGTH = 256, 512


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpt2", required=True)
    parser.add_argument("--stories3m", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    lengths = {
        name: {
            task: [[len(p), len(t)] for p, t in task_tokens(folder, task, COUNT, MAX_LENGTH)] for task in sorted(TASKS)
        }
        for name, folder in (("gpt2", options.gpt2), ("stories3m", options.stories3m))
    }
    with open(options.out, "w", encoding="utf-8") as out:
        rows = [
            f'    "{name}": {{\n' + ",\n".join(f'      "{task}": {json.dumps(pairs)}' for task, pairs in tasks.items()) + "\n    }"
            for name, tasks in lengths.items()
        ]
        out.write(f'{{\n  "max_length": {MAX_LENGTH},\n  "lengths": {{\n' + ",\n".join(rows) + "\n  }\n}\n")


if __name__ == "__main__":
    main()
