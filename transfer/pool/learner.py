"""The photographs' part of a training: what a teacher says of them, and what the network learns from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from common.config.groups import AugmentConfig
from common.data.augment import Augment, augmented
from common.data.batches import Batches, read_batch
from common.data.pack import Pack
from common.data.values import IGNORE
from common.engine.loop import Updater
from common.engine.precision import Precision
from common.ranks.group import own
from common.rows import Means, Row
from transfer.metrics.scores import Scores
from transfer.model import SegmentationNet
from transfer.pool.alignment import Alignment
from transfer.pool.config import PoolConfig
from transfer.pool.guard import Guard
from transfer.pool.opinion import Opinion
from transfer.pool.views import cut_mix, cut_places, strong, strong_view
from transfer.pool.votes import Judge, Lesson, Votes, better_judge, by_pixel, votes_right

BEGINS, WHOLE = 1 / 8, 1 / 4
"""Shares of the training before the photographs count, and from which on they count in full."""
UNKNOWN = -1.0
"""In the place of an opinion that was not asked for yet."""


@dataclass(frozen=True)
class PoolLesson:
    """A batch of photographs, and what is to be learnt from it."""

    image: Float[Tensor, "n c h w"]
    lesson: Lesson
    weight: float
    background: int | None

    def added(self, terms: Mapping[str, Tensor], logits: Float[Tensor, "n k h w"]) -> dict[str, Tensor]:
        """The terms of a loss with that of the photographs, whose logits these are."""
        pool = self.lesson.loss(logits, self.background)
        return {**terms, "loss": terms["loss"] + self.weight * pool, "pool": pool}


class Pool:
    """The photographs without masks of a training, their teacher, and what is known of them.

    The teacher is an average of the network's weights. It looks at a plain view of the photographs; where it is sure,
    the network learns what it said, on a strong view. Source: Sohn et al. 2020, FixMatch, arXiv 2001.07685, section 2;
    Tarvainen and Valpola 2017, arXiv 1703.01780, section 2 (the average as teacher).
    Deviation: for images of one class each, one vote an image, see `Votes`.
    """

    def __init__(
        self,
        net: SegmentationNet,
        pack: Pack,
        config: PoolConfig,
        augment: AugmentConfig,
        *,
        names: Sequence[str],
        background: int | None,
        align: Alignment,
        votes: Votes | None,
        opinion: Opinion | None,
        precision: Precision,
        seed: int,
        notes: Sequence[str] = (),
    ) -> None:
        """`votes` give each photograph one class, by an `opinion` or the teacher; without them pixels have classes.

        `notes` are sentences on them.
        """
        self.notes = notes
        self.pack, self.config, self.names, self.background = pack, config, names, background
        self.precision = precision
        self.teacher = AveragedModel(net, avg_fn=self._average, use_buffers=True).requires_grad_(False).eval()
        self._says = precision.place(self.teacher)
        self.align, self.votes, self.opinion = align, votes, opinion
        known = (len(pack), len(names) - 1) if opinion is not None else (0, 0)
        self._opinions = torch.full(known, UNKNOWN)
        self._plain = Augment(replace(augment, jitter=0.0), channels=len(net.encoder.mean))
        self._strong = strong_view(len(net.encoder.mean))
        self._batches = Batches(pack, batch_size=config.pool_batch_size, seed=seed, shuffle=True, crops=True)
        self._batch = self._averaged = 0
        self._judge: Judge = "nobody" if opinion is None else "opinion"
        self.guard = Guard()
        self._means, self._counted = Means(), False

    def state_dict(self) -> dict[str, Any]:
        """All that the next lesson depends on, except the photographs."""
        return {
            "teacher": self.teacher.state_dict(),
            "align": self.align.state_dict(),
            "votes": self.votes.state_dict() if self.votes is not None else {},
            "opinions": self._opinions,
            "batch": self._batch,
            "averaged": self._averaged,
            "judge": self._judge,
            "guard": self.guard.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned; what was counted since is forgotten."""
        self._means, self._counted = Means(), False
        self.teacher.load_state_dict(state["teacher"])
        self.align.load_state_dict(state["align"])
        if self.votes is not None:
            self.votes.load_state_dict(state["votes"])
        self._opinions, self._batch = state["opinions"].clone(), state["batch"]
        self._averaged, self._judge = state["averaged"], state["judge"]
        self.guard.load_state_dict(state["guard"])

    def record(self) -> dict[str, int | str]:
        """How many photographs there are, how many an update sees, and a digest of their files."""
        digest = blake2b(" ".join(self.pack.digests).encode(), digest_size=16).hexdigest()
        told = {"photographs": len(self.pack), "photographs_an_update": self.config.pool_batch_size}
        return {**told, "photographs_digest": digest}

    @property
    def teacher_network(self) -> SegmentationNet:
        """The teacher, as a network of its own."""
        network = self.teacher.module
        assert isinstance(network, SegmentationNet)
        return network

    def follow(self, net: SegmentationNet, update: int) -> None:
        """Take the weights after so many updates into the teacher, once."""
        if update > self._averaged:
            self.teacher.update_parameters(net)
            self._averaged = update

    def lesson(self, net: SegmentationNet, updater: Updater) -> "PoolLesson | None":
        """The next photographs, as the network is to see them, or a rank's part of them; None while they do not count.

        Before the first epoch, where an update is timed, they do.
        """
        self.follow(net, updater.update)
        course = updater.course
        weight = self._weight(course.progress(updater.update)) if course.updates else 1.0
        if weight == 0:
            return None
        image, lesson = self._taught()
        return own(PoolLesson(image, lesson, weight, self.background), len(image))

    def trained(self) -> Row:
        """What was learnt from the photographs since the last call, as shares of their pixels, by class."""
        self._counted = self._means.count > 0
        row = {f"pool_{name}": value for name, value in self._means.row().items()} if self._counted else {}
        self._means = Means()
        return row

    def judged(self, student: Scores, teacher: Scores) -> Row:
        """Take the scores of network and teacher on validation images, and return them as columns of metrics.csv.

        They decide whether photographs go on, see `Guard`, and who names their classes, see `better_judge`.
        """
        row = self.guard.judged([one.means["mean_iou"] for one in (student, teacher)], counted=self._counted)
        if self.votes is None:
            return row
        right = votes_right(teacher.counts, self.votes.background)
        judge = better_judge(right, None if self.opinion is None else self.opinion.right)
        if judge != self._judge:
            self.votes.forget()
        self._judge = judge
        return {**row, "votes_right": right}

    def score(self, row: Row, epochs: int) -> float:
        """What chooses the epoch: the mean of network and teacher, of which each alone is too noisy on few images.

        Epochs in which the photographs do not count in full are behind all others, and each is behind the next, so
        that --patience begins when they do.
        """
        return row["val/both_mean_iou"] if row["epoch"] > WHOLE * epochs else row["epoch"] / epochs - 1

    def _weight(self, progress: float) -> float:
        """The weight of the photographs, by the share of the training that is done."""
        ramp = min(max((progress - BEGINS) / (WHOLE - BEGINS), 0.0), 1.0)
        return 0.0 if self.guard.dropped else self.config.pool_weight * ramp

    @torch.no_grad()
    def _taught(self) -> tuple[Float[Tensor, "n c h w"], Lesson]:
        """The strong view of the next photographs, and what is to be learnt there."""
        batch = next(self._batches.stream(self._batch, 1, self.precision.device))
        self._batch += 1
        image, _, valid = augmented(batch, self._plain)
        lesson = self._said_of(image, batch.index, valid)
        self._count(lesson)
        places = cut_places(len(image), *image.shape[2:]).to(image.device)
        return cut_mix(places, strong(self._strong, image), lesson)

    @torch.no_grad()
    def said_of(self, index: Int64[np.ndarray, "n"]) -> tuple[Float[Tensor, "n c h w"], Lesson]:
        """Photographs as they are, and what they teach; later lessons are compared with these, too."""
        batch = read_batch(self.pack, index, self.precision.device)
        return batch.image, self._said_of(batch.image, batch.index, batch.valid)

    def _said_of(
        self, image: Float[Tensor, "n c h w"], index: Int64[Tensor, "n"], valid: Bool[Tensor, "n 1 h w"] | None
    ) -> Lesson:
        chances, threshold = self.align(self._says(image).softmax(1)), self.config.pool_threshold
        if self.votes is None:
            lesson = by_pixel(chances, threshold)
        else:
            foreground = 1 - chances[:, self.votes.background]
            if valid is not None:
                foreground = foreground * valid[:, 0]
            opinions = self._opinions_of(image, foreground, index)
            lesson = self.votes(chances, threshold, opinions, trusted=self._judge != "nobody")
        return lesson if valid is None else lesson.within(valid[:, 0])

    def _opinions_of(
        self, image: Float[Tensor, "n c h w"], foreground: Float[Tensor, "n h w"], index: Int64[Tensor, "n"]
    ) -> Float[Tensor, "n m"] | None:
        """The second opinions on photographs, each formed once, on the view that is seen first; None of others."""
        if self.opinion is None or self._judge != "opinion":
            return None
        new = self._opinions[index][:, 0] == UNKNOWN
        if new.any():
            self._opinions[index[new]] = self.opinion(image[new], foreground[new]).cpu()
        return self._opinions[index].to(self.precision.device)

    def _count(self, lesson: Lesson) -> None:
        classes = lesson.classes.flatten().cpu()
        shares = classes[classes != IGNORE].bincount(minlength=len(self.names)) / classes.numel()
        told = {f"share_{name}": float(share) for name, share in zip(self.names, shares, strict=True)}
        figure = lesson.figure.float().mean().item()
        self._means.add({"used": float(shares.sum()) + figure, "figure": figure, **told}, len(lesson.classes))

    def _average(self, own: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
        """The usual exponential average, and while it is young the mean of all; whole numbers are taken over."""
        if not own.is_floating_point():
            return new
        return own.lerp(new, 1 - min(self.config.pool_teacher, 1 - 1 / (int(count) + 2)))
