"""Learning rates as pure functions of the update number, without state to checkpoint."""

import math


def warmup(update: int, *, updates: int) -> float:
    """Return the factor of a linear warm-up, from 1 / updates at the first update to 1.

    Source: Goyal et al., Accurate, Large Minibatch SGD, arXiv 1706.02677, section 2.2.
    Deviation: none; 0 updates mean no warm-up.
    """
    return min(1.0, (update + 1) / updates) if updates > 0 else 1.0


def cosine(update: int, *, total: int, base: float, final: float = 0.0) -> float:
    """Return a rate that falls from `base` at update 0 to `final` at update `total`, along half a cosine.

    Source: Loshchilov & Hutter, SGDR, arXiv 1608.03983, eq. 5, one period.
    Deviation: none.
    """
    progress = min(update / max(total, 1), 1.0)
    return final + 0.5 * (base - final) * (1.0 + math.cos(math.pi * progress))


def poly(update: int, *, total: int, base: float, power: float = 0.9, final: float = 0.0) -> float:
    """Return a rate that falls from `base` at update 0 to `final` at update `total`, as (1 - update / total) ** power.

    Source: Chen et al., DeepLab, arXiv 1606.00915, section 4.3; nnU-Net, arXiv 1904.08128.
    Deviation: per update, where nnU-Net decays per epoch.
    """
    return final + (base - final) * (1.0 - min(update / max(total, 1), 1.0)) ** power
