"""Packed counts read one bit after the other, as the schema of panes describes them."""

from __future__ import annotations

from base64 import b64decode


def unpacked(text: str) -> list[int]:
    head, guess, base, body = text.split(" ")
    size, k = int(head), int(guess[1:])
    raw = b64decode(body + "=" * (-len(body) % 4))
    bits = "".join(f"{byte:08b}" for byte in raw)
    at, extra = 0, []
    for _ in range(size):
        one = bits.index("1", at)
        extra.append(one - at)
        at = one + 1
    counts: list[int] = []
    for g in extra:
        y = int("1" + bits[at : at + k + g], 2)
        at += k + g
        z = y - 2**k
        difference = z // 2 if z % 2 == 0 else -(z + 1) // 2
        counts.append(difference + (counts[-1] if guess[0] == "p" and counts else int(base)))
    assert set(bits[at:]) <= {"0"}
    assert len(bits) - at < 8
    return counts
