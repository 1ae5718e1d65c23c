#!/usr/bin/env python3
"""Prints metrics/unicode_table.inc: what Python's str.lower() and \\d know of Unicode.

    python3 tests/reference/make_lower_case_table.py > metrics/unicode_table.inc
"""
import sys
import unicodedata

SCALARS = [c for c in range(0x80, sys.maxunicode + 1) if not 0xD800 <= c <= 0xDFFF]


def ranges(values):
    """[(first, last)] of a rising list."""
    out = []
    for v in values:
        if out and out[-1][1] == v - 1:
            out[-1][1] = v
        else:
            out.append([v, v])
    return out


def lower_ranges():
    """[(first, last, stride, delta)] of the letters whose lower case is one other letter."""
    out = []
    for c in SCALARS:
        low = chr(c).lower()
        if len(low) != 1 or ord(low) == c:
            continue
        delta = ord(low) - c
        if out and out[-1][3] == delta:
            first, last, stride, _ = out[-1]
            step = c - last
            if step <= 2 and (first == last or step == stride):
                out[-1] = (first, c, step, delta)
                continue
        out.append((c, c, 1, delta))
    return out


def show(items):
    line = "   "
    for item in items:
        text = " {" + ", ".join(str(v) if abs(v) < 10 else (hex(v) if v >= 0 else str(v)) for v in item) + "},"
        if len(line) + len(text) > 100:
            print(line)
            line = "   "
        line += text
    print(line)


# A capital sigma is a final one behind a cased letter: that tells which characters are cased, and
# which are looked through.
final = "\N{GREEK SMALL LETTER FINAL SIGMA}"
everything = list(range(0x80)) + SCALARS
cased = {c for c in everything if (chr(c) + "\N{GREEK CAPITAL LETTER SIGMA}").lower().endswith(final)}
either = {c for c in everything if ("a" + chr(c) + "\N{GREEK CAPITAL LETTER SIGMA}").lower().endswith(final)}

print(f"// Written by tests/reference/make_lower_case_table.py from Unicode {unicodedata.unidata_version}.")
print("constexpr LowerRange kLowerRanges[] = {")
show(lower_ranges())
print("};\nconstexpr Range kCased[] = {")
show(ranges(sorted(cased)))
print("};\nconstexpr Range kCaseIgnorable[] = {")
show(ranges(sorted(either - cased)))
print("};\n// The ten digits from each of these on have the values 0 to 9.\nconstexpr Range kDigits[] = {")
zeros = [c for c in SCALARS if chr(c).isdecimal() and unicodedata.decimal(chr(c)) == 0]
assert all(chr(z + k).isdecimal() and unicodedata.decimal(chr(z + k)) == k for z in zeros for k in range(10))
assert len(zeros) * 10 == sum(chr(c).isdecimal() for c in SCALARS)
show([(z, z + 9) for z in zeros])
print("};\nconstexpr Range kSpaces[] = {")
show(ranges([c for c in SCALARS if chr(c).isspace()]))
print("};")
