"""Own-written texts that tokenizers stumble over."""

PROSE = """The committee met on Tuesday to weigh rank against cost; nobody's proposal won, and they'll meet again.
We've measured 1,024 rows at 3.14 seconds. It's what I'd expect: you're right, I'm sure he'll say.
Low rank adaptation trains two small matrices and leaves the large one alone, so that what it learns fits in a pocket.
A river runs past the mill; the miller's daughter counts sacks of flour: one, two, three, 10, 100, 1000.
How many players named "O'Neil" scored more than 25 points in the 2004-05 season?
SELECT COUNT(name) FROM players WHERE points > 25 AND season = '2004-05';
def area(width, height):\n    return width * height  # in square metres\n
Größe, Straße, naïve café, señor, Århus, Łódź, İstanbul, Ωmega, привет мир, γειά σου Κόσμε.
今日は良い天気ですね。明日は雨が降るそうです。 한국어 문장도 하나 있습니다. 中文没有空格。
שלום עולם, مرحبا بالعالم، नमस्ते दुनिया, สวัสดีชาวโลก
The keeper of the lighthouse wrote every evening in a ledger: the wind, the tide, the ships that passed and those that did not.
When the storm came she wrote nothing, because the lamp had to be turned by hand and both of her hands were busy turning it.
In the morning the ledger had an empty line, and under it she wrote that the wind had been strong and that nothing was lost.
Which school did the player from Toronto attend before the draft, and in which year did the team retire his number?
What is the average attendance when the home team scored fewer than 3 goals and the visitors scored more than 1?
Anna: are you coming to the meeting tomorrow? Ben: I think so, but I'll be late :) Anna: that's fine, we're starting at 10:30.
The measurement was repeated 12 times; the mean was 0.734 and the standard error 0.021, so the difference isn't significant.
Training the matrices of attention with a learning rate of 0.0002 for 20 epochs gave the same result as training everything.
A carpenter, a mathematician and a thinking machine walked along the shore, talking about nothing that mattered.
Every weight that is frozen costs memory but no gradient; every weight that is trained costs both, and a moment of each kind.
for (int i = 0; i < count; ++i) { total += values[i] * weights[i]; }  // the sum of the products
The the THE tHe; don't DON'T Don'T won't WON'T we'RE.
"""


def torture(specials):
    """Texts; `specials` are the tokenizer's added tokens."""
    texts = PROSE.splitlines()
    texts += ["", " ", "  ", "   a", "a   ", "\n", "\n\n", "a\nb", "a \n b", "a\n\n\nb", "\r\n", "a\r\nb\r\n", " \n \n x", "\t\tx\t y"]
    texts += ["x" + " " * n + "y" + " " * n for n in range(1, 9)] + [" " * 40, "\n" * 17 + "z", "\t \t\n \r x", "a\u00a0b\u00a0 c", "\u3000全角\u3000", "a\u2028b\u2029c\u0085d"]
    texts += ["1", "12", "123", "1234", "12345678", "3.14159", "1e-5", "٠١٢٣٤", "Ⅷ ½ ²³ ①②", "x1y22z333", "1'2's 3'll"]
    texts += ["it's IT'S It'S 'S 's '\u017f x'\u017fy 'LL 'Ll 've'VE 're'RE'm'M'd'D 't", "''s '' ' 'x '''", "\u2019s don\u2019t", "'st 'rex 'v 'r 'l"]
    texts += ["e\u0301 vs é", "a\u0300\u0316\u0327b", "\u1e9b\u0323", "\u0344 \u0958 \ufb1d", "각 각 \u1112\u1161\u11ab\u1100", "Å Å Å", "q\u0307\u0323 q\u0323\u0307", "\u0301 leading mark", "क्षत्रिय", "ﬁ ﬀ"]
    texts += ["👍", "👍🏽 ok", "👨‍👩‍👧‍👦 family", "🇩🇪🇫🇷", "❤️", "a👍b", "1️⃣ 2️⃣", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "\U0001f9ff\U0001fae0"]
    texts += ["\x00", "a\x00b", "\x01\x02\x1b[31mred\x1b[0m", "\x7f\x80\x9f", "\ufeffbom", "\ufffd \uffff \U0010ffff", "zero\u200bwidth\u200c\u200d\u2060", "soft\u00adhyphen", "\u202eright to left\u202c", "\ue000private"]
    texts += ["한국어", "漢字かな交じり文", "עברית עם ניקוד: שָׁלוֹם", "العَرَبِيَّة", "ไทย", "ᚠᚢᚦ", "𐍈𐌰", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "ǅ ʰ ª º", "\u16ee \u2160 \u3007"]
    texts += ["http://a.b/c?d=e&f=g#h", "<div class=\"x\">&amp;</div>", "{\"a\": [1, 2.5, null]}", "a_b-c.d,e;f:g!h?", "#!/bin/sh", "C++ && C#", "$5.00 €5 £5", "!!!???...", "a...\n\nb!!!\n c", "foo(bar)\n\t}\n", "...\r\n\r\n  x", "x = {}\n\n\n\ty"]
    texts += ["▁", "▁▁a ▁b", "a▁b", " ▁ ", "<0x41>", "<0x0A>\n", "Ġthe Ċ", "a" * 60, "ab" * 80, "supercalifragilisticexpialidocious" * 3, "日" * 50, "the " * 30, "-" * 70 + "=" * 5]
    for s in specials:
        texts += [s, s + s, f"a{s}b", f" {s} ", f"a {s}  {s}\n b", f"x{s[:-1]} {s[1:]}", f"{s[0]}{s}", f"_{s}_ {s}1", f"\n\t{s}\n\t", f"\u00a0{s}\u3000é", s.lower(), s.upper()]
    texts.append(" mixed ".join(specials) + "".join(specials))
    return texts


BAD_BYTES = [b"\xff", b"a\x80b", b"\xc3", b"\xe2\x82", b"\xe2\x82x", b"\xf0\x9f\x91", b"\xf0\x9f\x91 ok", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xf5\xf6", b"caf\xe9 au lait", b"\xe0\x80\x80", b"ok \xc3\xa9\xc3 end", b"\xf1\x80\x80\xe2\x82\xac"]
