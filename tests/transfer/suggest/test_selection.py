"""What is chosen: uncertainty by its formula, spread by slow loops, each picture once."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from common.data.pack import Pack
from common.data.samples import Sample
from transfer.predict.photos import Original
from transfer.suggest.candidates import Candidate, Ranking, unlike
from transfer.suggest.selection import k_centre
from transfer.suggest.uncertainty import Judged, uncertainty


def entropy_of(shares):
    return -sum(p * math.log(p) for p in shares if p) / math.log(len(shares))


def test_the_uncertainty_of_one_network_is_the_entropy_of_its_probabilities():
    chances = torch.randn(1, 3, 4, 5, generator=torch.Generator().manual_seed(0)).softmax(1)
    found = uncertainty(chances)
    assert found[2, 3].item() == pytest.approx(entropy_of(chances[0, :, 2, 3].tolist()), rel=1e-5)
    assert uncertainty(torch.full((1, 3, 1, 1), 1 / 3)).item() == pytest.approx(1)


def test_the_uncertainty_of_several_is_what_they_disagree_on_and_not_what_all_find_hard():
    chances = torch.randn(4, 3, 4, 5, generator=torch.Generator().manual_seed(1)).softmax(1)
    pixel = chances[:, :, 1, 2]
    each = [entropy_of(shares.tolist()) for shares in pixel]
    expected = entropy_of(pixel.mean(0).tolist()) - sum(each) / 4
    assert uncertainty(chances)[1, 2].item() == pytest.approx(expected, rel=1e-4)
    assert uncertainty(torch.full((4, 3, 1, 1), 1 / 3)).item() == pytest.approx(0, abs=1e-6)
    apart = torch.eye(2)[:, :, None, None]
    assert uncertainty(apart).item() == pytest.approx(1)


def by_loops(points, labelled, count):
    """The farthest point, again and again, by every distance."""
    everything = [*labelled, *points]
    columns = list(zip(*everything, strict=True))
    mean = [sum(column) / len(column) for column in columns]
    spread = [math.sqrt(sum((v - m) ** 2 for v in c) / len(c)) + 1e-6 for c, m in zip(columns, mean, strict=True)]
    scaled = [[(v - m) / s for v, m, s in zip(row, mean, spread, strict=True)] for row in everything]
    known, chosen = list(range(len(labelled))), []
    for _ in range(count):
        best, far = -1, -1.0
        for candidate in range(len(points)):
            if candidate in chosen:
                continue
            here = scaled[len(labelled) + candidate]
            distance = min((math.dist(here, scaled[other]) for other in known), default=math.inf)
            if distance > far:
                best, far = candidate, distance
        chosen.append(best)
        known.append(len(labelled) + best)
    return chosen


@pytest.mark.parametrize("labels", [0, 3])
def test_spread_is_the_farthest_point_again_and_again(labels):
    random = np.random.default_rng(labels)
    points, labelled = random.normal(size=(12, 4)), random.normal(size=(labels, 4))
    found = k_centre(points.astype(np.float32), labelled.astype(np.float32), count=6)
    assert [choice.position for choice in found] == by_loops(points.tolist(), labelled.tolist(), 6)
    if not labels:
        assert found[0] == (0, None, 0.0)


def test_the_nearest_known_image_and_its_distance_are_told():
    points, labelled = np.array([[1.0, 0.0], [9.0, 0.0]]), np.array([[0.0, 0.0]])
    first, second = k_centre(points, labelled, count=2)
    assert (first.position, first.nearest) == (1, 0)
    assert (second.position, second.nearest) == (0, 0)
    assert first.distance == pytest.approx(9 * second.distance, rel=1e-4)


def test_no_more_is_chosen_than_there_is():
    assert len(k_centre(np.eye(3), np.zeros((0, 3)), count=9)) == 3


def picture(seed):
    """A picture with edges, of its own for every seed."""
    return np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)


def judged(name, sureness, image):
    photo = Original(Sample(name, Path(name), None, {}, None), 3, image, ())
    return Judged(photo, sureness, np.zeros(2, np.float32))


def test_the_ranking_holds_the_most_uncertain_images_alone_and_counts_all():
    values = np.random.default_rng(0).permutation(50) / 50
    ranking = Ranking(5)
    ranking.add(judged(str(index), value, picture(0)) for index, value in enumerate(values))
    found = ranking.candidates()
    assert [candidate.judged.uncertainty for candidate in found] == sorted(values, reverse=True)[:5]
    assert [candidate.rank for candidate in found] == [1, 2, 3, 4, 5]
    assert all(candidate.judged.photo.held is None for candidate in found)
    np.testing.assert_array_equal(ranking.curve, sorted(values, reverse=True))


def test_each_picture_is_a_candidate_once_and_a_labelled_one_never():
    pictures = {"unsure": picture(1), "copy": picture(1)[:, ::-1], "other": picture(2), "labelled": picture(3)}
    images = [judged(name, 0.5, image) for name, image in pictures.items()]
    candidates = [Candidate(image, rank) for rank, image in enumerate(images, start=1)]
    known = Pack(images=picture(3)[None], masks=None, keys=("x",), digests=("x",))
    found = unlike(candidates, [known])
    assert [candidate.key for candidate in found.kept] == ["unsure", "other"]
    assert (found.copies, found.known) == (1, 1)
    told = found.told(4, wanted=3)
    assert told[0] == "left out of 4 candidates: 1 duplicate of another one, 1 duplicate of labelled images"
    assert "only 2 different pictures" in told[1]
    assert unlike(candidates[2:3], []).told(1, wanted=1) == []
