"""What each pretext promises: which pixels change, which enter the loss, and that the seed decides it all."""

import pytest
import torch

from common.engine.seeding import seed_update
from pretrain.pretexts.registry import PRETEXTS
from pretrain.pretexts.task import TaskMaker
from pretrain.registered import Settings
from tests.pretrain.pretexts.photos import photos

TASKS = {name: TaskMaker(name, PRETEXTS[name].settings()) for name in ("denoise", "mask", "restore")}
TASKS["drop"] = TaskMaker("plain", Settings(), drop_skips=True)


@pytest.mark.parametrize("name", TASKS)
def test_an_update_decides_its_task_alone(name):
    image = photos(16)
    tasks = []
    for batch in (5, 6, 5):
        seed_update(0, batch)
        tasks.append(TASKS[name](image))
    first, other, again = ([task.seen, task.weight, task.visible, task.keep] for task in tasks)
    for ours, theirs in zip(first, again, strict=True):
        assert ours is theirs is None or torch.equal(ours, theirs)
    assert any(ours is not None and not torch.equal(ours, theirs) for ours, theirs in zip(first, other, strict=True))


@pytest.mark.parametrize("name", TASKS)
def test_a_task_holds_the_clean_image_and_the_clean_image_stays_clean(name):
    image = photos()
    before = image.clone()
    task = TASKS[name](image)
    assert torch.equal(task.image, before)
    assert torch.equal(image, before)
    assert torch.equal(task.seen, before) == (name == "drop")


def test_plain_shows_the_image_as_it_is_and_draws_no_number():
    image, state = photos(), torch.get_rng_state()
    task = TaskMaker("plain", Settings())(image)
    assert task.seen is task.image is image
    assert task.weight is task.visible is task.keep is None
    assert torch.equal(torch.get_rng_state(), state)


def test_skips_are_dropped_for_whole_samples_with_their_probability():
    image = torch.rand(2000, 1, 2, 2)
    keep = TASKS["drop"](image).keep
    assert set(keep.tolist()) == {0.0, 1.0}
    assert keep.mean().item() == pytest.approx(0.5, abs=0.04)
