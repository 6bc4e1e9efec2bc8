"""What everything random is seeded with."""

import hashlib

import torch

INITIAL = -1
"""The "batch" whose seed the first weights are drawn with."""


VALIDATION = -2
"""The "batch" whose seed everything random in a validation is drawn with, the same in every epoch."""


def seed_update(seed: int, batch: int, rank: int = 0) -> None:
    """Seed torch from (seed, batch, rank), well mixed, so that neighbours share nothing."""
    mixed = hashlib.blake2b(f"{seed}/{batch}/{rank}".encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(mixed, "little") >> 1)
