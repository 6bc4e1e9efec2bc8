"""Learning rates as pure functions of how far a training is, without state to checkpoint."""

import math


def warmup(epochs: float, *, over: float) -> float:
    """Return the factor of a linear warm-up over the first epochs, where `epochs` are done after an update.

    Source: Goyal et al., Accurate, Large Minibatch SGD, arXiv 1706.02677, section 2.2.
    Deviation: none; 0 epochs mean no warm-up.
    """
    return min(1.0, epochs / over) if over > 0 else 1.0


def cosine(progress: float, *, base: float, final: float = 0.0) -> float:
    """Return a rate that falls from `base` at progress 0 to `final` at progress 1, along half a cosine.

    Source: Loshchilov & Hutter, SGDR, arXiv 1608.03983, eq. 5, one period.
    Deviation: none.
    """
    return final + 0.5 * (base - final) * (1.0 + math.cos(math.pi * progress))


def poly(progress: float, *, base: float, power: float = 0.9, final: float = 0.0) -> float:
    """Return a rate that falls from `base` at progress 0 to `final` at progress 1, as (1 - progress) ** power.

    Source: Chen et al., DeepLab, arXiv 1606.00915, section 4.3; nnU-Net, arXiv 1904.08128.
    Deviation: per update, where nnU-Net decays per epoch.
    """
    return final + (base - final) * (1.0 - progress) ** power
