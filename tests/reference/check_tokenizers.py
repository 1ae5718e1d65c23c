"""Compares `rankscope tokenize` with Hugging Face tokenizers on every line of files; ends with the count that differs.

    check_tokenizers.py PROGRAM MODEL_FOLDER FILE ...        (HF_HUB_OFFLINE=1, tokenizers 0.23.3)
"""

import json
import pathlib
import subprocess
import sys

from tokenizers import Tokenizer


def lines_of(path):
    """As the program reads lines: "\\n" or "\\r\\n" ends one, a byte order mark at the start is dropped."""
    raw = pathlib.Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n")
    return [line.removesuffix(b"\r").decode("utf-8", errors="replace") for line in raw.split(b"\n")]


def main():
    program, folder, *files = sys.argv[1:]
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    lines, differing = 0, 0
    for path in files:
        with subprocess.Popen([program, "tokenize", "--model", folder, path], stdout=subprocess.PIPE) as process:
            for number, (line, answer) in enumerate(zip(lines_of(path), process.stdout, strict=True), 1):
                lines += 1
                if json.loads(answer) != tokenizer.encode(line).ids:
                    differing += 1
                    print(f"{path}:{number}: {line[:200]!r}")
    print(f"{folder}: {lines} lines, {differing} differ")
    sys.exit(differing > 0)


if __name__ == "__main__":
    main()
