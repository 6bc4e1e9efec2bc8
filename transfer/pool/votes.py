"""What photographs show, by a teacher's probabilities: classes of pixels where they are sure."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F

from common.data.values import IGNORE
from common.ranks.group import mean

REMEMBERED = 1024
"""Photographs whose votes are compared."""
VOTES_RIGHT = 0.8
"""Share of the validation images of each class, in mean, whose class the teacher must have right to name others."""
QUOTA = 0.5
"""Share of the photographs that get a class, at most; of others foreground alone is learnt."""


Judge = Literal["opinion", "teacher", "nobody"]
"""Who names the classes of photographs."""


def better_judge(teacher: float, opinion: float | None) -> Judge:
    """The better of the two by their shares of right validation images, and the opinion where they are level.

    `opinion` is None where there is none. The teacher needs VOTES_RIGHT, for it would confirm its own errors.
    """
    if teacher >= VOTES_RIGHT and (opinion is None or teacher > opinion):
        return "teacher"
    return "nobody" if opinion is None else "opinion"


@dataclass(frozen=True)
class Lesson:
    """What a batch of photographs teaches."""

    classes: Int64[Tensor, "n h w"]
    """The class of each pixel, 255 where none is sure."""
    figure: Bool[Tensor, "n h w"]
    """Pixels that are surely foreground, of a class that is not sure."""

    def within(self, valid: Bool[Tensor, "n h w"]) -> "Lesson":
        """The same without the pixels of a padding."""
        return Lesson(torch.where(valid, self.classes, IGNORE), self.figure & valid)

    def loss(self, logits: Float[Tensor, "n k h w"], background: int | None) -> Float[Tensor, ""]:
        """Cross-entropy over the classes, or where the class is not sure over foreground and background.

        It is the mean over all pixels, so that photographs with few sure ones count less.
        """
        logits = logits.float()
        error = F.cross_entropy(logits, self.classes, ignore_index=IGNORE, reduction="none")
        if background is not None:
            whole = logits.logsumexp(1)
            others = torch.cat([logits[:, :background], logits[:, background + 1 :]], 1).logsumexp(1)
            error = torch.where(self.figure, whole - others, error)
        return mean(error)


def by_pixel(chances: Float[Tensor, "n k h w"], threshold: float) -> Lesson:
    """The most likely class of each pixel, where its probability is above the threshold."""
    sure, best = chances.max(1)
    return Lesson(torch.where(sure > threshold, best, IGNORE), torch.zeros_like(best, dtype=torch.bool))


class Votes:
    """One class for the whole foreground of each photograph.

    The judge is a second opinion, or the teacher by the votes of its pixels, see `better_judge`. A class is given to
    the photographs that are the surest of it, so that no class takes over all of them, see `_quotas`. Where the class
    isn't sure, figure and ground are learnt.
    """

    def __init__(self, shares: Int64[Tensor, "k"], background: int) -> None:
        """`shares`: of the images with masks, those that show each class; that of the background does not count."""
        self.background = background
        self.others = torch.tensor([k for k in range(len(shares)) if k != background])
        self.quotas = _quotas(shares[self.others])
        self.past = torch.zeros(0, len(self.others))

    def forget(self) -> None:
        """Begin anew to compare judgements, which are those of another judge from now on."""
        self.past = self.past[:0]

    def state_dict(self) -> dict[str, Any]:
        """The judgements that the next ones are compared with."""
        return {"past": self.past}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.past = state["past"]

    def __call__(
        self,
        chances: Float[Tensor, "n k h w"],
        threshold: float,
        opinion: Float[Tensor, "n m"] | None = None,
        *,
        trusted: bool = True,
    ) -> Lesson:
        """What the photographs teach; `opinion` has for each of them the probabilities of the foreground's classes.

        Where the judge is not `trusted` no photograph gets a class.
        """
        foreground = 1 - chances[:, self.background]
        judged = _vote(chances[:, self.others.to(chances.device)], foreground) if opinion is None else opinion
        chosen, sure = self._named(judged.cpu())
        classes = self.others[chosen].to(chances.device)[:, None, None].expand_as(foreground)
        sure = sure & trusted
        sure, solid = sure.to(chances.device)[:, None, None], foreground > threshold
        named = torch.where(solid & sure, classes, IGNORE)
        named = torch.where(foreground < 1 - threshold, self.background, named)
        return Lesson(named, solid & ~sure)

    def _named(self, judged: Float[Tensor, "n m"]) -> tuple[Int64[Tensor, "n"], Bool[Tensor, "n"]]:
        """The class of each photograph, counted without the background, and whether it is sure."""
        self.past = torch.cat([self.past, judged])[-REMEMBERED:]
        bars = torch.stack([each.quantile(1 - quota) for each, quota in zip(self.past.T, self.quotas, strict=True)])
        above = judged >= bars
        return above.int().argmax(1), above.sum(1) == 1


def _quotas(shown: Int64[Tensor, "m"]) -> Float[Tensor, "m"]:
    """The share of the photographs that is named as each class, by how many masks show it.

    As many of each, for the network misses rare classes and seldom names them in vain (Source: Wei et al. 2021,
    CReST, arXiv 2102.09559); but of no class more than masks lead to expect.
    """
    return torch.minimum(F.normalize(shown.float(), p=1, dim=0), QUOTA / (shown > 0).sum())


def _vote(chances: Float[Tensor, "n m h w"], foreground: Float[Tensor, "n h w"]) -> Float[Tensor, "n m"]:
    """The share of each class in the probabilities of the foreground's pixels."""
    weight = torch.where(foreground > 0.5, foreground, 0)[:, None]
    return F.normalize((chances * weight).sum((2, 3)).clamp(min=1e-6), p=1, dim=1)


def votes_right(counts: Int64[np.ndarray, "n k k"], background: int) -> float:
    """The share of the images of each class, in mean, whose foreground is predicted mostly as that class.

    `counts` are the confusion matrices of images, each of one class. 0 where there is none.
    """
    truth, told = (np.delete(counts.sum(axis), background, axis=1) for axis in (2, 1))
    shown = truth.any(1)
    named = np.where(told.any(1), told.argmax(1), -1)[shown]
    classes = truth[shown].argmax(1)
    return float(np.mean([(named[classes == k] == k).mean() for k in np.unique(classes)])) if len(classes) else 0.0
