"""Images of four channels and more than 8 bits: read by the data set's range, or refused in a sentence."""

import cv2
import numpy as np
import pytest
from datasets import square_mask, write_tree

from common.config.groups import LabelledDataConfig
from common.data.decode import read_image
from common.data.load import load_labelled, load_splits
from common.data.opened import BadFileError
from transfer import load_model
from transfer.main import main as transfer

HIGH = 4095


def deep(seed: int = 0, *, opaque: bool = False) -> np.ndarray:
    """Values of a 12-bit camera, in the order red, green, blue, fourth."""
    image = np.random.default_rng(seed).integers(0, HIGH + 1, (64, 64, 4)).astype(np.uint16)
    if opaque:
        image[..., 3] = 2**16 - 1
    return image


def write(path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., [2, 1, 0, 3]])


def in_8_bits(image: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(255 * image.astype(np.float32) / HIGH, 0, 255)).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "kind"), [("image.png", np.uint16), ("image.tif", np.uint16), ("image.tif", np.float32)]
)
def test_all_bits_of_all_four_channels_are_read_in_the_files_order(name, kind, tmp_path):
    write(tmp_path / name, deep().astype(kind))
    found = read_image(tmp_path / name, 4, depth=(0, HIGH))
    np.testing.assert_array_equal(found, in_8_bits(deep()))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_the_range_is_that_of_the_data_set_but_for_an_opaque_fourth(suffix, tmp_path):
    for i in range(20):
        write(tmp_path / f"images/{i:02}.{suffix}", deep(i, opaque=True))
    write_tree(tmp_path, {f"masks/{i:02}.png": square_mask(255, height=64, width=64) for i in range(20)})
    config = LabelledDataConfig(data_dir=tmp_path, channels=4, image_size=64, val_share=0.2)
    data = load_labelled(config)
    assert data.depth is not None
    assert data.depth[1] == pytest.approx(HIGH, rel=0.01)
    assert len(np.unique(data.test.images[0][..., 0])) > 200
    grey = load_splits(LabelledDataConfig(data_dir=tmp_path, channels=3, image_size=64, val_share=0.2))
    assert grey.depth is not None
    assert grey.depth[1] == pytest.approx(HIGH, rel=0.01)


def test_a_network_of_four_channels_is_trained_on_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i in range(20):
        write(tmp_path / f"data/images/{i:02}.png", deep(i))
    write_tree(tmp_path / "data", {f"masks/{i:02}.png": square_mask(255, height=64, width=64) for i in range(20)})
    small = ["--image_size", "64", "--widths", *["4"] * 6, "--epochs", "1", "--batch_size", "8", "--no_report"]
    flags = ["--channels", "4", "--data_dir", "data", "--val_share", "0.2", "--device", "cpu", "--output_dir", "run"]
    assert transfer([*small, *flags]) == 0
    assert load_model("run", "cpu").channels == 4


@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_bands_of_which_one_would_be_read_are_refused(bands, kind, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(
        tmp_path / "bands.tif", deep()[..., :bands].astype(kind), photometric="minisblack", planarconfig="contig"
    )
    for channels in (1, 3, 4):
        with pytest.raises(BadFileError, match=rf"bands\.tif holds {bands} bands, of which one would be read"):
            read_image(tmp_path / "bands.tif", channels)


def test_another_number_of_channels_is_named(tmp_path):
    cv2.imwrite(str(tmp_path / "three.png"), deep()[..., :3])
    with pytest.raises(BadFileError, match=r"three\.png has 3 channels, not 4 \(--channels\)"):
        read_image(tmp_path / "three.png", 4)
