"""Short ids made of what they stand for."""

from __future__ import annotations

import hashlib

BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_THREE = [a + b + c for c in BASE32 for b in BASE32 for a in BASE32]
"""Each number of 15 bits in base 32, its low digit first."""


def short_id(*parts: str) -> str:
    """A short stable id of these texts, in Crockford's base 32: 60 bits, twelve characters."""
    number = int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:8], "big")
    return "".join([_THREE[(number >> shift) & 0x7FFF] for shift in (0, 15, 30, 45)])
