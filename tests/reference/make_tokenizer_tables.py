"""Writes datasets/tokenizer/{unicode_classes,nfc_tables}.inc: what Hugging Face tokenizers' regular expressions and NFC make of each code
point. The classes are found by asking the library; the decompositions are Python's, kept where the library has them too.

    python tests/reference/make_tokenizer_tables.py        (tokenizers 0.23.3)
"""

import pathlib
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "datasets/tokenizer"
HEAD = "// Written by tests/reference/make_tokenizer_tables.py; not edited by hand.\n"
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
NFC, NFD = normalizers.NFC(), normalizers.NFD()


def ranges(members):
    found = []
    for c in sorted(members):
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def regex_class(pattern):
    """The code points that `pattern` matches."""
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    members = set()
    for start in range(0, len(CODE_POINTS), 4096):
        block = CODE_POINTS[start : start + 4096]
        text = "".join(chr(c) for c in block)
        for piece, (begin, end) in split.pre_tokenize_str(text):
            if end - begin == 1:
                members.add(ord(piece))
    # What lies between two matches can be one character too; a match stays alone when it is doubled.
    return {c for c in members if len(split.pre_tokenize_str(chr(c) + chr(c))) == 2}


def added_token_class(**flags):
    """The code points that touch an added token for its single_word, lstrip or rstrip."""
    tokenizer = Tokenizer(models.BPE({"?": 0}, [], unk_token="?"))
    tokenizer.add_tokens([AddedToken("@@", normalized=False, **flags)])
    if flags.get("single_word"):
        return {c for c in CODE_POINTS if 1 not in tokenizer.encode("@@" + chr(c)).ids}
    return {c for c in CODE_POINTS if tokenizer.encode("@@" + chr(c)).ids == [1]}


def decompositions():
    """(composites, others): canonical one-step decompositions; the former are recomposed by NFC."""
    composites, others = [], []
    for c in CODE_POINTS:
        steps = unicodedata.decomposition(chr(c))
        if not steps or steps.startswith("<"):
            continue
        parts = [int(part, 16) for part in steps.split()]
        if NFD.normalize_str(chr(c)) != unicodedata.normalize("NFD", chr(c)):
            continue
        if len(parts) == 2 and NFC.normalize_str(chr(c)) == chr(c):
            composites.append((c, *parts))
        else:
            others.append((c, *parts, *[0] * (2 - len(parts))))
    return composites, others


def combining_classes():
    """Ranges of equal non-zero canonical combining class, where the library reorders by it."""
    found = []
    for c in CODE_POINTS:
        k = unicodedata.combining(chr(c))
        if k == 0:
            continue
        low, high = "\u0334", "\u0345"  # classes 1 and 240
        moves = NFD.normalize_str("a" + high + chr(c)) == "a" + NFD.normalize_str(chr(c)) + high
        stays = NFD.normalize_str("a" + chr(c) + low) != "a" + NFD.normalize_str(chr(c)) + low
        if not moves and not stays:
            continue
        if found and found[-1][1] == c - 1 and found[-1][2] == k:
            found[-1][1] = c
        else:
            found.append([c, c, k])
    return found


def rows(items):
    lines, line = [], " "
    for item in items:
        text = " {" + ",".join(f"0x{v:x}" if v > 9 else str(v) for v in item) + "},"
        if len(line) + len(text) > 100:
            lines.append(line)
            line = " "
        line += text
    return "\n".join([*lines, line])


def table(kind, name, comment, items):
    return f"// {comment}\nconstexpr {kind} {name}[] = {{\n{rows(items)}\n}};\n"


def main():
    spaces = regex_class(r"\s")
    assert spaces == added_token_class(rstrip=True), "\\s differs between the two regular expression libraries"
    composites, others = decompositions()
    (FOLDER / "unicode_classes.inc").write_text(
        HEAD
        + table("Range", "kLetters", r"\p{L} of Hugging Face tokenizers 0.23.3.", ranges(regex_class(r"\p{L}")))
        + table("Range", "kNumbers", r"\p{N}.", ranges(regex_class(r"\p{N}")))
        + table("Range", "kSpaces", r"\s.", ranges(spaces))
        + table("Range", "kWord", r"\w, as single_word added tokens ask it.", ranges(added_token_class(single_word=True)))
    )
    (FOLDER / "nfc_tables.inc").write_text(
        HEAD
        + table("Decomposition", "kComposites", "Canonical pairs that NFC composes: composite, first, second.", composites)
        + table("Decomposition", "kOthers", "Canonical decompositions that NFC leaves apart; second may be 0.", others)
        + table("ClassRange", "kCombining", "Non-zero canonical combining classes.", combining_classes())
    )


if __name__ == "__main__":
    main()
