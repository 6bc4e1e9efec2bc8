"""What photographs teach: classes of sure pixels, by pixel and by a vote of the image."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from transfer.pool.votes import QUOTA, Lesson, Votes, better_judge, by_pixel, votes_right

BACKGROUND, CAT, DOG, NONE = 0, 1, 2, 255


def chances(*images):
    """Probabilities of images whose left half is background and right half foreground, with those of cat and dog."""
    maps = torch.zeros(len(images), 3, 4, 4)
    maps[:, BACKGROUND, :, :2] = 0.98
    maps[:, 1:, :, :2] = 0.01
    maps[:, BACKGROUND, :, 2:] = 0.02
    for row, (cat, dog) in enumerate(images):
        maps[row, CAT, :, 2:], maps[row, DOG, :, 2:] = cat * 0.98, dog * 0.98
    return maps


def test_a_pixel_counts_where_its_most_likely_class_is_above_the_threshold():
    lesson = by_pixel(chances((0.95, 0.05), (0.6, 0.4)), 0.9)
    assert lesson.classes[0].unique().tolist() == [BACKGROUND, CAT]
    assert lesson.classes[1].unique().tolist() == [BACKGROUND, NONE]
    assert not lesson.figure.any()


SHARES = torch.tensor([60, 40, 20])
"""Images that show each class: two cats for a dog."""


def votes():
    return Votes(SHARES, BACKGROUND)


def named(lesson, kind):
    return (lesson.classes == kind).any(2).any(1)


def test_a_vote_gives_the_whole_foreground_of_an_image_one_class():
    maps = chances((0.9, 0.1), (0.1, 0.9), *[(0.5, 0.5)] * 10)
    maps[0, 1:, 0, 2] = torch.tensor([0.1, 0.88])  # a pixel of the other class
    lesson = votes()(maps, 0.9)
    assert (lesson.classes[0, :, 2:] == CAT).all()
    assert (lesson.classes[1, :, 2:] == DOG).all()
    assert (lesson.classes[2:, :, 2:] == NONE).all()
    assert lesson.figure[2:, :, 2:].all(), "figure and ground are learnt where the class is not sure"
    assert (lesson.classes[:, :, :2] == BACKGROUND).all()


def test_classes_are_given_equally_often_even_where_the_network_sees_one_alone():
    lesson = votes()(chances(*[(0.55 + 0.001 * n, 0.45 - 0.001 * n) for n in range(300)]), 0.9)
    cats, dogs = named(lesson, CAT), named(lesson, DOG)
    assert cats.sum() / 300 == pytest.approx(QUOTA / 2, abs=0.01)
    assert dogs.sum() / 300 == pytest.approx(QUOTA / 2, abs=0.01)
    assert cats[-70:].all(), "those that are most like cats"
    assert dogs[:40].all()
    assert (lesson.figure.any(2).any(1) == ~(cats | dogs)).all()


def test_a_rare_class_is_named_no_more_often_than_the_masks_show_it():
    rare = Votes(torch.tensor([100, 90, 10]), BACKGROUND)
    lesson = rare(chances(*[(0.55 + 0.001 * n, 0.45 - 0.001 * n) for n in range(300)]), 0.9)
    assert named(lesson, CAT).sum() / 300 == pytest.approx(QUOTA / 2, abs=0.01)
    assert named(lesson, DOG).sum() / 300 == pytest.approx(0.1, abs=0.01)


def test_a_second_opinion_decides_the_class_and_the_teacher_the_shape():
    maps, opinion = chances((0.9, 0.1), (0.1, 0.9), (0.5, 0.5)), torch.tensor([[0.1, 0.9], [0.9, 0.1], [0.5, 0.5]])
    lesson = votes()(maps, 0.9, opinion)
    assert (lesson.classes[0, :, 2:] == DOG).all()
    assert (lesson.classes[1, :, 2:] == CAT).all()
    assert (lesson.classes[:, :, :2] == BACKGROUND).all()


def test_a_judge_that_is_not_trusted_names_no_class():
    lesson = votes()(chances((0.9, 0.1), (0.1, 0.9)), 0.9, trusted=False)
    assert lesson.classes.unique().tolist() == [BACKGROUND, NONE]
    assert lesson.figure[:, :, 2:].all()


@pytest.mark.parametrize(
    ("teacher", "opinion", "judge"),
    [
        (0.9, 0.85, "teacher"),
        (0.85, 0.9, "opinion"),
        (0.9, 0.9, "opinion"),
        (0.75, 0.72, "opinion"),
        (0.8, 0.72, "teacher"),
        (0.8, None, "teacher"),
        (0.79, None, "nobody"),
        (0.0, 0.7, "opinion"),
    ],
)
def test_the_better_on_validation_images_names_the_classes_and_a_teacher_that_errs_often_never(teacher, opinion, judge):
    assert better_judge(teacher, opinion) == judge


def test_judgements_are_compared_with_those_of_the_same_judge():
    one, fresh, opinion = votes(), votes(), torch.tensor([[0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
    one(chances((0.9, 0.1), (0.99, 0.01)), 0.9)
    one.forget()
    ours, theirs = (judge(chances(*[(0.5, 0.5)] * 3), 0.9, opinion) for judge in (one, fresh))
    assert torch.equal(ours.classes, theirs.classes)
    assert torch.equal(one.past, fresh.past)


def test_a_vote_is_right_where_most_of_the_foreground_is_of_the_image_s_class():
    cat, dog, missed, plain = np.zeros((4, 3, 3), np.int64)
    cat[CAT, CAT], cat[CAT, DOG] = 6, 4
    dog[DOG, CAT], dog[BACKGROUND, DOG] = 6, 5
    missed[CAT, BACKGROUND] = 9
    plain[BACKGROUND, BACKGROUND] = 9
    assert votes_right(np.stack([cat, cat, dog, plain]), BACKGROUND) == 0.5
    assert votes_right(np.stack([cat, missed]), BACKGROUND) == 0.5
    assert votes_right(plain[None], BACKGROUND) == 0.0


def test_votes_go_on_where_they_stopped():
    first, second = votes(), votes()
    first(chances((0.9, 0.1), (0.95, 0.05), (0.05, 0.95)), 0.9)
    second.load_state_dict(first.state_dict())
    maps = chances((0.8, 0.2), (0.2, 0.8))
    ours, theirs = first(maps, 0.9), second(maps, 0.9)
    assert torch.equal(ours.classes, theirs.classes)
    assert torch.equal(first.past, second.past)
    assert not torch.equal(ours.classes, votes()(maps, 0.9).classes)


def test_the_loss_is_the_cross_entropy_and_that_of_foreground_where_the_class_is_open():
    logits = torch.randn(1, 3, 2, 2, generator=torch.manual_seed(0))
    classes = torch.tensor([[[CAT, BACKGROUND], [NONE, NONE]]])
    figure = torch.tensor([[[False, False], [True, False]]])
    parts = F.log_softmax(logits, 1)[0]
    expected = -(parts[CAT, 0, 0] + parts[BACKGROUND, 0, 1] + parts[1:, 1, 0].logsumexp(0)) / 4
    assert Lesson(classes, figure).loss(logits, BACKGROUND).item() == pytest.approx(expected.item(), rel=1e-5)


def test_padding_teaches_nothing():
    lesson = by_pixel(chances((0.95, 0.05)), 0.9).within(torch.zeros(1, 4, 4, dtype=torch.bool))
    assert (lesson.classes == NONE).all()
