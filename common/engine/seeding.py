"""Seeds of the random numbers."""

import hashlib

import torch

INITIAL = -1
"""The "batch" number that seeds the initial weights."""

VALIDATION = -2
"""The "batch" number that seeds every validation, the same in every epoch."""


def seed_update(seed: int, batch: int) -> None:
    """Seed torch with a hash of (seed, batch), so that neighbouring batches are uncorrelated."""
    mixed = hashlib.blake2b(f"{seed}/{batch}/0".encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(mixed, "little") >> 1)
