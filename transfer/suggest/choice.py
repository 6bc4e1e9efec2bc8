"""Which candidates are suggested, in which order, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from common.data.pack import LabelledPack
from common.embedding import latents
from transfer.segmenter import Segmenter
from transfer.suggest.candidates import Candidate, Ranking, unlike
from transfer.suggest.labelled import Labelled
from transfer.suggest.selection import k_centre


@dataclass(frozen=True, eq=False)
class Suggested:
    """An image that is worth a mask, and why."""

    rank: int
    candidate: Candidate
    nearest: str
    """The labelled or suggested image that is nearest to it; "" for none."""
    distance: float
    """How far that is, in the space of the encoder, per dimension."""
    reason: str


@dataclass(frozen=True, eq=False)
class Labels:
    """The labelled images that are there: what is no candidate, and what candidates shall be far from."""

    packs: Sequence[LabelledPack]
    """Those of all parts."""
    keys: Sequence[str]
    """Those that the network was trained on."""
    vectors: Float[np.ndarray, "n d"] | None
    """Where its encoder sees these; None where they are not where they were."""

    @classmethod
    def of(cls, known: Labelled, model: Segmenter, *, batch_size: int) -> "Labels":
        """Look at the training images."""
        pack = known.trained_on
        if pack is None:
            return cls(known.measured_on, (), None)
        vectors = latents(model.fast.encoder, pack, batch_size=batch_size, device=model.device)
        return cls((pack, *known.measured_on), pack.keys, vectors)


def choose(ranking: Ranking, labels: Labels, *, count: int) -> tuple[list[Suggested], list[str]]:
    """The suggestions, best first, and sentences on the candidates."""
    candidates = ranking.candidates()
    found = unlike(candidates, labels.packs)
    kept, notes = found.kept, found.told(len(candidates), wanted=count)
    if not kept:
        return [], notes
    vectors = np.stack([one.judged.vector for one in kept])
    there = np.zeros((0, vectors.shape[1]), np.float32) if labels.vectors is None else labels.vectors
    names = [*labels.keys, *(one.key for one in kept)]
    suggested = []
    for rank, choice in enumerate(k_centre(vectors, there, count=count), start=1):
        one, nearest = kept[choice.position], "" if choice.nearest is None else names[choice.nearest]
        why = _reason(one, len(ranking.uncertainties), nearest, choice.distance)
        suggested.append(Suggested(rank, one, nearest, choice.distance, why))
    return suggested, notes


def _reason(candidate: Candidate, images: int, nearest: str, distance: float) -> str:
    """Why an image was chosen, in words."""
    unsure = f"uncertainty {candidate.judged.uncertainty:.3f}, place {candidate.rank} of {images}"
    return f"{unsure}; " + (f"nearest to it is {nearest}, at {distance:.2f}" if nearest else "the first of all")
