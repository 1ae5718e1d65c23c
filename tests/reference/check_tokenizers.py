"""Compares `rankscope tokenize` with Hugging Face tokenizers on every text of files; ends with the count that differs.

    check_tokenizers.py PROGRAM MODEL_FOLDER PATH ...        (HF_HUB_OFFLINE=1, tokenizers 0.23.3)

A PATH is a file or a folder, which stands for all files in it. The texts of a file are its lines, and of a .json or .jsonl
file also its distinct string values. Both programs encode each text and decode their own ids, with and without special
tokens; ids and decoded texts are compared. The last line says how many texts the reference gets back unchanged from their
ids without special tokens: as many as the program, where nothing differs.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

BATCH = 2000
SHOWN = 10


def lines_of(path):
    """As the program reads lines: "\\n" or "\\r\\n" ends one, a byte order mark at the start is dropped."""
    raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n")
    return [line.removesuffix(b"\r").decode("utf-8", errors="replace") for line in raw.split(b"\n")]


def strings_in(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for element in value:
            yield from strings_in(element)
    elif isinstance(value, dict):
        for key, element in value.items():
            yield key
            yield from strings_in(element)


def string_values(path):
    if path.suffix == ".jsonl":
        values = map(json.loads, filter(str.strip, lines_of(path)))
    elif path.suffix == ".json":
        values = [json.loads(path.read_bytes())]
    else:
        return []
    return list(dict.fromkeys(text for value in values for text in strings_in(value)))


def answers(program, folder, options, file):
    """The program's lines, read while it runs."""
    with subprocess.Popen([program, "tokenize", "--model", folder, *options, file], stdout=subprocess.PIPE) as process:
        yield from process.stdout
    if process.returncode != 0:
        sys.exit(f"{program} tokenize: exit code {process.returncode}")


class Comparison:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.reference = Tokenizer.from_file(f"{folder}/tokenizer.json")
        self.texts = self.tokens = self.restored = self.other_ids = self.other_texts = 0

    def complain(self, count, where, text):
        if count <= SHOWN:
            print(f"{where}: {text[:200]!r}")

    def compare(self, where, texts, options, file):
        """`file` holds `texts`, in the form that `options` name."""
        with tempfile.NamedTemporaryFile("wb") as ids_file:
            ours = []
            for line in answers(self.program, self.folder, options, file):
                ids_file.write(line)
                ours.append(line)
            ids_file.flush()
            decoded = {skip: answers(self.program, self.folder, ["--decode"] + ["--skip-special-tokens"] * skip, ids_file.name)
                       for skip in (False, True)}
            assert len(ours) == len(texts), f"{where}: {len(ours)} answers to {len(texts)} texts"
            for begin in range(0, len(texts), BATCH):
                batch = texts[begin:begin + BATCH]
                ids = [encoding.ids for encoding in self.reference.encode_batch(batch)]
                want = {skip: self.reference.decode_batch(ids, skip_special_tokens=skip) for skip in decoded}
                for i, text in enumerate(batch):
                    place = f"{where}:{begin + i + 1}"
                    self.texts += 1
                    self.tokens += len(ids[i])
                    self.restored += want[True][i] == text
                    if json.loads(ours[begin + i]) != ids[i]:
                        self.other_ids += 1
                        self.complain(self.other_ids, place + ": other ids", text)
                    if any([json.loads(next(lines)) != want[skip][i] for skip, lines in decoded.items()]):
                        self.other_texts += 1
                        self.complain(self.other_texts, place + ": decoded otherwise", text)
            assert all(next(lines, None) is None for lines in decoded.values())

    def compare_file(self, path):
        self.compare(path, lines_of(path), [], path)
        values = string_values(path)
        if values:
            with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
                file.writelines(json.dumps(text) + "\n" for text in values)
                file.flush()
                self.compare(f"{path} (string value)", values, ["--jsonl"], file.name)


def main():
    program, folder, *paths = sys.argv[1:]
    comparison = Comparison(program, folder)
    files = 0
    for path in map(pathlib.Path, paths):
        for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
            comparison.compare_file(file)
            files += 1
    c = comparison
    print(f"{folder}: {files} files, {c.texts} texts, {c.tokens} tokens: {c.other_ids} differ in ids, {c.other_texts} decoded; "
          f"the reference restores {c.restored} texts")
    sys.exit(c.other_ids + c.other_texts > 0)


if __name__ == "__main__":
    main()
