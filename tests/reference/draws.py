"""Values of the keyed draws for tests/common/draws_test.cpp, by the definition in common/draws.h."""
import hashlib
import math
import struct

MASK = 0xFFFFFFFF


def field(text):
    return struct.pack("<Q", len(text)) + text


def philox4x32_10(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


class Draws:
    def __init__(self, seed, purpose, name, step=0):
        digest = hashlib.sha256(
            field(b"rankscope draws") + field(purpose) + field(name) + struct.pack("<Q", seed)
        ).digest()
        self.key, self.step = struct.unpack("<II", digest[:8]), step

    def block(self, number):
        return philox4x32_10(
            [number & MASK, number >> 32, self.step & MASK, self.step >> 32], self.key
        )

    def bits(self, index):
        return self.block(index // 4)[index % 4]

    def pair(self, index):
        words = self.block(index // 2)
        return words[2 * (index % 2)], words[2 * (index % 2) + 1]

    def normal(self, index):
        a, b = self.pair(index)
        return math.sqrt(-2 * math.log((a + 1) / 2**32)) * math.cos(2 * math.pi * b / 2**32)

    def below(self, index, n):  # for small n, where the first try is always taken
        words = self.block(index)
        return ((words[0] << 32 | words[1]) * n) >> 64


draws = Draws(42, b"dropout", b"layers.0.Wv", 5)
high, low = draws.pair(2)
order, permutation = Draws(42, b"order", b""), list(range(8))
for i in range(7, 0, -1):
    j = order.below(i, i + 1)
    permutation[i], permutation[j] = permutation[j], permutation[i]
print("bits(0)           ", hex(draws.bits(0)))
print("uniform(1)        ", draws.bits(1) >> 8, "* 2^-24")
print("uniform_double(2) ", (high << 32 | low) >> 11, "* 2^-53")
print("normal(3)         ", draws.normal(3))
print("below(4, 1000)    ", draws.below(4, 1000))
print("permutation(8)    ", permutation)
