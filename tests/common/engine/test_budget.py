"""The length of a training, by hand and on a machine whose pace changes."""

import random

import pytest

from common.config.groups import TrainingConfig
from common.engine.budget import MINUTES, Course, settled
from common.errors import UserError


def plan(**settings) -> TrainingConfig:
    return TrainingConfig(**{"batch_size": 16, "lr": 0.1, "weight_decay": 0.0, **settings})


def of(images: int, **settings) -> TrainingConfig:
    return settled(plan(**settings), images)


def test_without_a_length_updates_grow_more_slowly_than_the_images():
    for images, batch, updates in ((2, 2, 25), (14, 14, 109), (262, 16, 977), (7489, 16, 12076)):
        found = of(images)
        assert (found.batch_size, sum(found.updates), found.minutes) == (batch, updates, MINUTES)
        assert 10 <= found.epochs == len(found.updates) <= 20


def test_trainings_of_one_command_share_its_minutes():
    assert settled(plan(), 14, share=5).minutes == MINUTES / 5
    assert settled(plan(minutes=10.0), 14, share=5).minutes == 2


def test_updates_are_spread_evenly_over_as_many_validations_as_passes_within_limits():
    assert of(12, updates=(1003,)).epochs == 20
    assert of(7489, updates=(1000,)).epochs == 10
    assert of(262, updates=(255,)).epochs == 15
    assert of(12, updates=(7,)).updates == (1,) * 7
    assert set(of(12, updates=(1003,)).updates) == {50, 51}
    assert of(12, updates=(30,), epochs=4).updates == (7, 8, 7, 8)


def test_what_is_told_is_kept():
    assert of(100, epochs=7) == plan(epochs=7)
    assert of(100, epochs=7, epoch_updates=3) == plan(epochs=7, epoch_updates=3)
    assert of(5, epochs=7, epoch_updates=3).batch_size == 16  # filled from several passes
    assert of(100, updates=(3, 4, 5)) == plan(epochs=3, updates=(3, 4, 5))
    assert of(100, minutes=10.0) == plan(epochs=20, minutes=10.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epoch_updates": 3, "updates": (100,)}, "--epoch_updates belongs to --epochs"),
        ({"epoch_updates": 3, "minutes": 10.0}, "--epoch_updates belongs to --epochs"),
        ({"epochs": 3, "updates": (100, 100)}, "--updates names 2 epochs: leave out --epochs 3"),
    ],
)
def test_lengths_that_exclude_each_other_are_refused(settings, said):
    with pytest.raises(UserError, match=said):
        plan(**settings).check()


def test_positions_are_in_epochs_and_end_at_their_number():
    course = Course(of(100, updates=(4, 2, 2)), 7)
    for epoch in range(3):
        course.begin(epoch, 0.0)
    assert [course.at(update) for update in range(9)] == [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3]


def drive(course: Course, pace, rest) -> float:
    """Run a training on a machine with `pace(now)` seconds an update and `rest(now)` an epoch; when it ended."""
    now = 5.0
    for epoch in range(course.epochs):
        for _ in range(course.begin(epoch, now)):
            now += pace(now)
        course.end(now)
        now += rest(now)
    return now - rest(now)  # the last update


@pytest.mark.parametrize(
    "pace",
    [
        lambda _: 0.1,
        lambda now: 0.1 if now < 200 else 0.3,
        lambda now: 0.3 if now < 300 else 0.1,
        lambda _: random.choice([0.05, 0.1, 0.4]),
        lambda now: 0.1 if int(now / 45) % 2 else 0.2,
    ],
    ids=["even", "slower", "faster", "noisy", "in turns"],
)
def test_ten_minutes_end_in_time_under_changing_load(pace):
    random.seed(1)
    course = Course(of(262, minutes=10.0), 17)
    course.expect(0.1)
    assert 9 * 60 < drive(course, pace, lambda now: 20 * pace(now)) < 10.2 * 60
    assert len(course.updates) == 20


def test_a_page_that_takes_long_has_its_time_at_the_end():
    course = Course(of(262, minutes=2.0), 17)
    course.expect(0.1)
    course.begin(0, 0.0)
    course.end(10.0)
    course.page = 40.0
    assert 75 < drive(course, lambda _: 0.1, lambda _: 0.1) <= 2 * 60 - 40


def test_minutes_in_which_few_updates_fit_are_told():
    course = Course(of(579, minutes=4.0), 37)
    assert str(course) == "length: 4 minutes, batches of 16 images, 10 epochs"
    course.expect(5.0)
    assert str(course) == "length: 4 minutes, about 45 updates of 16 images, 10 epochs"
    assert course.shortage.startswith("about 45 updates fit that time, and 1,8")
    course.expect(0.1)
    assert course.timed
    assert not course.shortage
    stream = Course(of(579, minutes=4.0), 37, endless=True)
    stream.expect(5.0)
    assert not stream.shortage


def test_a_training_that_would_take_longer_than_it_may_is_timed_and_one_that_fits_is_not():
    course = Course(of(262), 17)
    course.expect(MINUTES * 60 / 2000)
    drive(course, lambda _: MINUTES * 60 / 2000, lambda _: 1.0)
    assert not course.timed
    assert course.updates == course.told
    course = Course(of(262), 17)
    course.expect(MINUTES * 60 / 800)
    assert course.timed
    assert course.begin(0, 0.0) < course.told[0]


@pytest.mark.parametrize(
    ("pace", "rest"),
    [(lambda _: 2.8, lambda _: 60.0), (lambda now: 2.0 if now < 900 else 5.0, lambda _: 1.0)],
    ids=["validations", "other work"],
)
def test_a_training_that_turns_out_to_take_longer_than_it_may_is_timed_from_then_on(pace, rest):
    course = Course(of(262), 17)
    course.expect(pace(0))
    assert not course.timed
    assert 0.9 * MINUTES * 60 < drive(course, pace, rest) < MINUTES * 60
    assert course.timed
    assert len(course.updates) == course.epochs
    assert course.repeated().minutes == 0


def test_validations_that_take_long_are_fewer_and_take_no_more_than_a_tenth():
    for seconds, epochs in ((2.0, 20), (5.0, 12), (25.0, 2), (100.0, 2)):
        course = Course(of(7489, minutes=10.0), 235, free=True)
        course.expect(1.0)
        assert course.needs_rest
        course.expect_rest(seconds)
        assert course.epochs == course.plan.epochs == epochs
        ended = drive(course, lambda _: 1.0, lambda _, rest=seconds: rest)
        assert 9.5 * 60 < ended + seconds + max(30, 3 * seconds) < 10.1 * 60
        assert settled(course.repeated(), 7489).epochs == epochs


def test_a_number_of_validations_that_was_told_or_that_fits_is_kept():
    course = Course(of(262, minutes=10.0, epochs=30), 17)
    course.expect(0.1)
    assert not course.needs_rest
    course = Course(of(262), 17, free=True)
    course.expect(0.1)
    assert not course.timed
    assert not course.needs_rest
    course.expect(10.0)
    course.expect_rest(200.0)
    assert course.epochs == len(course.plan.updates) == 2
    assert sum(course.plan.updates) == 977
    again = Course(of(262), 17, free=True)
    again.load_state_dict(course.state_dict())
    assert again.epochs == 2


def test_its_updates_repeat_a_timed_training():
    course = Course(of(262, minutes=1.0), 17)
    course.expect(0.1)
    drive(course, lambda _: random.choice([0.05, 0.4]), lambda _: 0.0)
    again = Course(settled(course.repeated(), 262), 17)
    for epoch, count in enumerate(course.updates):
        assert again.begin(epoch, 0.0) == count
    assert all(again.at(update) == course.at(update) for update in range(sum(course.updates)))
    assert again.epochs == course.epochs
    assert not again.timed


def test_a_training_that_its_patience_stopped_is_repeated_with_its_rates():
    course = Course(of(262, minutes=1.0), 17)
    course.expect(0.1)
    counts = [course.begin(epoch, 0.0) for epoch in range(3)]
    again = course.repeated()
    assert len(again.updates) == course.epochs
    assert list(again.updates[:3]) == counts


def test_a_course_goes_on_where_it_was():
    course = Course(of(262, updates=(100,)), 17)
    for epoch in range(3):
        course.begin(epoch, 0.0)
    other, old = Course(course.plan, 17), Course(course.plan, 17)
    other.load_state_dict(course.state_dict())
    old.resumed(sum(course.updates))  # states of version 0.2.0 know the number of updates alone
    assert other.updates == old.updates == course.updates


def test_rounds_are_of_as_many_epochs_and_the_rate_falls_in_each():
    assert settled(plan(updates=(1003,)), 12, rounds=3).epochs == 21
    assert settled(plan(), 262, rounds=2).epochs % 2 == 0
    assert settled(plan(updates=(7,)), 12, rounds=2).updates == (1, 1, 1, 1, 1, 2)
    assert settled(plan(minutes=10.0), 100, rounds=3).epochs == 21
    assert settled(plan(epoch_updates=100), 100, rounds=2).epochs == 6
    with pytest.raises(UserError, match="--updates 2 is too short for 3 rounds: give at least 3"):
        settled(plan(updates=(2,)), 12, rounds=3)
    course = Course(settled(plan(updates=(9,), epochs=4), 100, rounds=2), 7, rounds=2)
    assert course.told == [2, 2, 2, 3]
    for epoch in range(2):
        course.begin(epoch, 0.0)
    assert [course.progress(update) for update in range(5)] == [0, 0.25, 0.5, 0.75, 1]
    course.begin(2, 0.0)
    assert [course.at(update) for update in range(3)] == [0, 0.5, 1]
    course.begin(3, 0.0)
    assert [course.at(update) for update in (0, 2, 5)] == [0, 1, 2]
    assert [course.round_of(epoch) for epoch in range(5)] == [0, 0, 1, 1, 1]


@pytest.mark.parametrize("between", [60.0, 0.0])
def test_rounds_of_a_timed_training_have_as_many_updates_and_end_in_time(between):
    course = Course(settled(plan(minutes=10.0), 262, rounds=2), 17, rounds=2, between=between)
    course.expect(0.1)
    now = 5.0
    for epoch in range(course.epochs):
        if epoch == course.round_epochs:
            now += between
            course.pause()
        now += 0.1 * course.begin(epoch, now)
        course.end(now)
        now += 1.0
    first, second = (
        sum(course.updates[part]) for part in (slice(0, course.round_epochs), slice(course.round_epochs, None))
    )
    assert second == pytest.approx(first, rel=0.05)
    assert 0.9 * 600 < now <= 600


def test_few_validations_are_still_as_many_in_each_round():
    course = Course(settled(plan(minutes=10.0), 262, rounds=3), 17, free=True, rounds=3)
    course.expect(0.1)
    course.expect_rest(30.0)
    assert course.epochs == 3
