"""The stream of photographs: every one once in a pass, in an order that depends on the seed, from any place on."""

from itertools import islice
from pathlib import Path
from threading import active_count

import cv2
import numpy as np
import pytest
from datasets import photo

from common.config.groups import TrainingConfig
from common.data.fitting import Fitting
from common.data.opened import BadFileError
from common.data.pack import Pack
from common.data.pack_spec import PackSpec
from common.data.shards import stream
from common.data.shards.batches import StreamBatches
from common.data.shards.files import tar_writer
from common.data.shards.stream import Place, Shards, Stream
from common.errors import UserError
from common.say import follow, lead

COUNT = 21
KEYS = [f"photo_{number:02}" for number in range(COUNT)]


def jpeg(number: int, **shape: int) -> bytes:
    return cv2.imencode(".jpg", photo(number, **shape))[1].tobytes()


@pytest.fixture
def files(tmp_path):
    """Four tar files of 6, 6, 6 and 3 photographs."""
    return write(tmp_path, [{key: jpeg(number) for number, key in enumerate(KEYS)}], size=6)


def write(folder, contents, *, size):
    named = [item for content in contents for item in content.items()]
    names = []
    for start in range(0, len(named), size):
        names.append(str(folder / f"{len(names)}.tar"))
        with tar_writer(Path(names[-1])) as tar:
            for key, data in named[start : start + size]:
                tar.write({"__key__": key, "jpg": data})
    return tuple(names)


def made(files, tmp_path, *, seed=0, rank=0, world=1, held_out=(), **spec):
    known = {"size": 32, "cache_dir": tmp_path, "num_workers": 2, **spec}
    return Stream(Shards(files, frozenset(held_out), PackSpec(**known)), seed, rank, world)


def taken(source, count, place=Place()):  # noqa: B008
    images = source.images(place)
    found = list(islice(images, count))
    images.close()
    return found


def keys(source, count, place=Place()):  # noqa: B008
    return [image.key for image in taken(source, count, place)]


@pytest.mark.parametrize("buffer", [4, 1000])
def test_every_pass_shows_every_photograph_once_in_another_order(files, tmp_path, monkeypatch, buffer):
    monkeypatch.setattr(stream, "BUFFER", buffer)
    read = keys(made(files, tmp_path), 3 * COUNT)
    passes = [read[:COUNT], read[COUNT : 2 * COUNT], read[2 * COUNT :]]
    assert [sorted(one) for one in passes] == [KEYS] * 3
    assert len({tuple(one) for one in passes}) == 3
    assert keys(made(files, tmp_path), COUNT) == passes[0]
    assert keys(made(files, tmp_path, seed=1), COUNT) != passes[0]


@pytest.mark.parametrize("buffer", [4, 1000])
def test_from_any_place_it_goes_on_as_if_it_had_not_stopped(files, tmp_path, monkeypatch, buffer):
    monkeypatch.setattr(stream, "BUFFER", buffer)
    source = made(files, tmp_path, held_out=KEYS[:2])
    images = taken(source, 3 * COUNT)
    for stop in range(0, 2 * COUNT, 3):
        rest = [image.key for image in images[stop + 1 : stop + 12]]
        assert keys(source, len(rest), images[stop].after) == rest


def test_held_out_photographs_never_train(files, tmp_path):
    read = keys(made(files, tmp_path, held_out=KEYS[3:5]), 3 * (COUNT - 2))
    assert sorted(read) == sorted(3 * (KEYS[:3] + KEYS[5:]))


def test_processes_share_every_pass_among_them(files, tmp_path):
    read = [keys(made(files, tmp_path, rank=rank, world=2), COUNT) for rank in range(2)]
    first = [set(one[:9]) for one in read]  # both have two shards, of 6 and at least 3
    assert not first[0] & first[1]
    assert all(set(one) == set(KEYS) for one in [[*read[0], *read[1]]])


def test_more_processes_than_shards_read_different_passes(files, tmp_path):
    read = [keys(made(files, tmp_path, rank=rank, world=6), COUNT) for rank in range(6)]
    assert set().union(*read) == set(KEYS)


def test_the_number_of_threads_changes_nothing(files, tmp_path):
    one, four = (taken(made(files, tmp_path, num_workers=workers), COUNT) for workers in (1, 4))
    assert [image.key for image in one] == [image.key for image in four]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(one, four, strict=True))


@pytest.mark.parametrize("fit", ["squash", "pad", "crop"])
def test_an_image_is_what_a_pack_holds(files, tmp_path, fit):
    fitting = Fitting(32, fit)
    for image in taken(made(files, tmp_path, fit=fit), COUNT):
        whole = cv2.cvtColor(
            cv2.imdecode(np.frombuffer(jpeg(KEYS.index(image.key)), np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB
        )
        assert np.array_equal(image.pixels, fitting.image(whole))
        assert image.box == fitting.box(*whole.shape[:2])


def test_an_unreadable_photograph_is_named_or_left_out(tmp_path, capsys):
    contents = {key: jpeg(number)[: None if number else 300] for number, key in enumerate(KEYS[:4])}
    files = write(tmp_path, [contents], size=4)
    with pytest.raises(UserError, match=r"0.tar: photo_00.jpg: .*--skip_bad_files") as refused:
        keys(made(files, tmp_path), 4)
    assert not isinstance(refused.value, BadFileError)
    skipping = made(files, tmp_path, skip_bad_files=True)
    assert sorted(keys(skipping, 3)) == KEYS[1:4]
    assert capsys.readouterr().err.startswith("note: left out: ")


def test_what_is_left_out_is_told_once_and_by_the_process_that_met_it(tmp_path, capsys):
    contents = {key: jpeg(number)[: None if number else 300] for number, key in enumerate(KEYS[:4])}
    stream = made(write(tmp_path, [contents], size=4), tmp_path, skip_bad_files=True)
    follow("rank 1")
    try:
        assert len(keys(stream, 9)) == 9, "three passes"
    finally:
        lead()
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("note: rank 1: left out: ")


def test_shards_of_nothing_but_held_out_photographs_are_refused(files, tmp_path):
    with pytest.raises(UserError, match="hold no photographs to train on"):
        keys(made(files, tmp_path, held_out=KEYS), 1)


def batches(source, *, side=32, gather=None, **settings):
    first = Pack(images=np.zeros((2, side, side, 3), np.uint8), masks=None, keys=("a", "b"), digests=("", ""))
    plan = TrainingConfig(batch_size=4, lr=0.1, weight_decay=0.0, **settings)
    return StreamBatches(source, first, plan, **({} if gather is None else {"gather": gather}))


@pytest.mark.parametrize("fit", ["squash", "pad", "crop"])
def test_epochs_of_a_stream_go_on_where_the_last_one_ended_also_after_a_restart(tmp_path, monkeypatch, fit):
    monkeypatch.setattr(stream, "BUFFER", 5)
    sizes = [{"height": 40 + number, "width": 90 - number} for number in range(COUNT)]
    contents = [{key: jpeg(number, **size) for number, (key, size) in enumerate(zip(KEYS, sizes, strict=True))}]
    source = made(write(tmp_path, contents, size=6), tmp_path, fit=fit)
    whole, parts = batches(source), batches(source)
    expected = [batch.image for batch in whole.stream(0, 7)]
    found = [batch.image for batch in parts.stream(0, 3)]
    resumed = batches(source)
    resumed.load_state_dict(parts.state_dict())
    found += [batch.image for batch in resumed.stream(3, 4)]
    assert [image.shape for image in found] == [(4, 3, 32, 32)] * 7
    assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))


def test_each_process_reads_its_rows_of_a_batch_and_goes_on_from_its_own_place(files, tmp_path):
    sources = [made(files, tmp_path, rank=rank, world=2) for rank in range(2)]
    places = {}
    ours = [batches(one, gather=lambda place, rank=one.rank: places.setdefault(rank, [place])) for one in sources]
    parts = [slice(0, 2), slice(2, 4)]
    for source, one, part in zip(sources, ours, parts, strict=True):
        told = [(one.names(batch.index), batch.image) for batch in one.stream(0, 5)]
        assert [name for names, _ in told for name in names[part]] == keys(source, 10)
        assert all(np.array_equal(image[:2], image[2:]) for _, image in told), "its own rows are there twice"
    state = {"places": [list(one.place) for one in ours]}
    for source, one in zip(sources, ours, strict=True):
        resumed = batches(source)
        resumed.load_state_dict(state)
        assert all(
            np.array_equal(a.image, b.image) for a, b in zip(one.stream(5, 4), resumed.stream(5, 4), strict=True)
        )


def test_another_number_of_processes_goes_on_behind_as_many_shards(files, tmp_path):
    ours = batches(made(files, tmp_path))
    ours.load_state_dict({"places": [[3, 1, 5, 2], [4, 0, 6, 0]]})
    assert ours.place == Place(7)


def test_the_photographs_of_the_last_batches_are_known_by_name(files, tmp_path):
    ours = batches(made(files, tmp_path), accumulate=2)
    told = [ours.names(batch.index) for batch in ours.stream(0, 6)]
    assert [name for names in told for name in names] == keys(made(files, tmp_path), 24)


def test_a_stream_that_is_left_leaves_no_thread(files, tmp_path):
    before = active_count()
    ours = batches(made(files, tmp_path))
    for _ in range(3):
        epoch = ours.stream(0, 100)
        next(epoch)
        epoch.close()
    assert active_count() == before
