"""The maps of a teacher that are kept: equal to those that it gives, found again, and made again when damaged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from timm_networks import network, saved
from tiny import TINY

from common.config.load import load_config
from common.data.augment import Augment
from common.data.batches import read_batch
from common.data.pack import Pack
from common.engine.budget import settled
from common.errors import UserError
from pretrain.build import build_target
from pretrain.config import PretrainConfig
from pretrain.teachers.keeping import kept_maps, passes
from pretrain.teachers.known_maps import MAPS, KnownMaps

FEATURES = [*TINY, "--pretext", "plain", "--target", "features", "--perceptual_init", "random"]


def load(*flags):
    return load_config(PretrainConfig, [*FEATURES, *map(str, flags)], prog="")


def pack(count=5, side=64, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)
    keys = tuple(map(str, range(count)))
    return Pack(images=images, masks=None, keys=keys, digests=keys)


@pytest.fixture
def target(tmp_path):
    """Features of a transformer: its mirrored maps are those of no mirror image."""
    path = saved(network("test_vit").state_dict(), tmp_path / "w.pth")
    return build_target(load("--teacher", "test_vit", "--teacher_weights", path))


def files(cache):
    return sorted(path.parent.name for path in Path(cache).glob(f"teachers/*/{MAPS}"))


@pytest.mark.parametrize("teacher", ["mobilenet_v2", "test_vit"])
def test_kept_maps_are_those_of_the_image_and_of_its_mirror_image_rounded_to_half_precision(teacher, target, tmp_path):
    torch.manual_seed(0)
    target = target if teacher == "test_vit" else build_target(load())
    known, images = KnownMaps(target, pack(side=96), mirrored=True, cache=tmp_path), pack(side=96)
    known.open()
    index, mirrored = torch.tensor([3, 0, 4, 1]), torch.tensor([True, False, False, True])
    image = read_batch(images, index.numpy()).image
    wanted = target(torch.where(mirrored[:, None, None, None], image.flip(-1), image))
    found = known(index, mirrored)
    assert found.shape == (4, target.channels, 12, 12)
    torch.testing.assert_close(found, wanted, rtol=2**-11, atol=1e-6)
    flipped = known(index, ~mirrored).flip(-1)
    assert (flipped - wanted).abs().max() > 0.1, "else one of both views could be left out"
    size = next(tmp_path.glob(f"teachers/*/{MAPS}")).stat().st_size
    assert known.size < size < known.size + 200


def test_images_that_are_flipped_get_the_maps_of_their_mirror_images(target, tmp_path):
    known = KnownMaps(target, pack(8), mirrored=True, cache=tmp_path)
    known.open()
    augment, batch = Augment(load().augment), read_batch(pack(8), np.arange(8))
    torch.manual_seed(1)
    image, _ = augment(batch.image)
    mirrored = augment.mirrored(8)
    assert 0 < mirrored.sum() < 8
    torch.testing.assert_close(known(batch.index, mirrored), target(image), rtol=2**-11, atol=1e-6)


def test_a_second_run_finds_them_and_other_images_or_teachers_have_their_own(target, tmp_path):
    def opened(images=None, target=target, mirrored=True):
        known = KnownMaps(target, images or pack(), mirrored=mirrored, cache=tmp_path / "cache")
        known.open()
        return known

    first = opened()
    made = next((tmp_path / "cache").glob(f"teachers/*/{MAPS}"))
    before = made.stat()
    again = opened()
    assert files(tmp_path / "cache") == [made.parent.name]
    assert (made.stat().st_ino, made.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert np.array_equal(first.rows, again.rows)
    opened(pack(seed=1))
    opened(mirrored=False)
    theirs = network("test_vit")
    torch.nn.init.ones_(theirs.norm.bias)
    path = saved(theirs.state_dict(), tmp_path / "other.pth")
    opened(target=build_target(load("--teacher", "test_vit", "--teacher_weights", path)))
    assert len(files(tmp_path / "cache")) == 4


@pytest.mark.parametrize("damage", ["a bit", "the end", "the record"])
def test_a_damaged_file_is_made_again(damage, target, tmp_path, capsys):
    known = KnownMaps(target, pack(), mirrored=True, cache=tmp_path)
    known.open()
    whole, path = np.array(known.rows), next(tmp_path.glob(f"teachers/*/{MAPS}"))
    if damage == "a bit":
        content = bytearray(path.read_bytes())
        content[-5] ^= 1
        path.write_bytes(content)
    elif damage == "the end":
        path.write_bytes(path.read_bytes()[:-5])
    else:
        path.with_name("maps.json").unlink()
    again = KnownMaps(target, pack(), mirrored=True, cache=tmp_path)
    again.open()
    assert "are damaged" in capsys.readouterr().err
    assert np.array_equal(again.rows, whole)


def test_a_cache_that_cannot_be_written_is_refused(target, tmp_path):
    (tmp_path / "teachers").write_text("a file in the way")
    with pytest.raises(UserError, match=r"cannot write the teacher's maps .*--cache_dir"):
        KnownMaps(target, pack(), mirrored=True, cache=tmp_path).open()


@pytest.mark.parametrize(
    ("flags", "kept", "told"),
    [
        (["--epochs", "3"], True, ""),
        (["--epochs", "2"], False, ""),
        (["--epochs", "2", "--teacher_cache", "1"], True, ""),
        (["--updates", "3"], True, ""),
        (["--minutes", "5"], False, ""),
        (["--minutes", "5", "--teacher_cache", "1"], True, ""),
        (["--epochs", "3", "--teacher_cache", "0"], False, ""),
        (["--epochs", "3", "--rotate", "5"], False, "images are augmented by more than --hflip"),
        (["--epochs", "3", "--vflip", "0.5"], False, "images are augmented by more than --hflip"),
        (["--epochs", "3", "--hflip", "0"], True, ""),
        (["--epochs", "3", "--target", "hog"], False, ""),
    ],
)
def test_maps_are_kept_where_images_stay_and_where_that_pays(flags, kept, told, tmp_path, capsys):
    config, images = load(*flags, "--cache_dir", tmp_path), pack(8)
    config = replace(config, training=settled(config.training, len(images)))
    known = kept_maps(config, build_target(config), images)
    assert (known is not None) == kept
    assert (told in capsys.readouterr().err) if told else True
    assert known is None or known.views == (1 if "--hflip" in flags else 2)
    assert len(files(tmp_path)) == kept


def test_maps_that_take_more_than_is_granted_are_refused_or_left_out(tmp_path, monkeypatch, capsys):
    asked = load("--epochs", 3, "--teacher_cache", "0.0001", "--cache_dir", tmp_path)
    with pytest.raises(UserError, match=r"maps of 5 images take 0\.000225 GB, and --teacher_cache is 0\.0001: give"):
        kept_maps(asked, build_target(asked), pack())
    monkeypatch.setattr("pretrain.teachers.keeping.USUAL", 1e-4)
    usual = load("--epochs", 3, "--cache_dir", tmp_path)
    assert kept_maps(usual, build_target(usual), pack()) is None
    assert "so that it is asked in each update: --teacher_cache 1 keeps them" in capsys.readouterr().err
    assert not files(tmp_path)


def test_maps_that_were_asked_for_and_cannot_be_kept_are_refused():
    with pytest.raises(UserError, match="augmented by more than --hflip: leave it out"):
        load("--teacher_cache", "1", "--jitter", "0.1")
    with pytest.raises(UserError, match="--fit crop takes other crops each time: leave it out"):
        load("--teacher_cache", "1", "--fit", "crop")


def test_passes_are_those_of_the_whole_training():
    assert passes(load("--epochs", 3).training, 16) == 3
    assert passes(load("--updates", 6, "--epochs", 2).training, 24) == 2
    assert passes(load("--minutes", 6).training, 24) == 0
