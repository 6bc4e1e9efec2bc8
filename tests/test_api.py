"""What a trained network does from Python is what the commands do."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import photo, write_tree
from PIL import Image

from common.data.decode import read_image
from common.errors import UserError
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.run.checkpoint import save_handover
from common.run.input import Input
from common.run.records import PretrainingRecord, SegmentationRecord
from pretrain import load_encoder
from pretrain.model import Autoencoder
from tests.records import autoencoder_handover, segmentation_handover
from transfer import load_model
from transfer.model import SegmentationNet
from transfer.predict.__main__ import main as predict

SIZES = {"wide": (50, 131), "tall": (97, 40), "square": (64, 64), "dot": (1, 1)}


def write_model(folder: Path, *, channels: int = 3) -> Path:
    """The best.pth of an untrained network for three classes of images of 64 x 64 pixels."""
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4, 4, 6, 6, 8, 8), norm="batch", in_channels=channels)
    net = SegmentationNet(encoder, UNetDecoder(encoder.channels, encoder.strides, norm="batch"), num_classes=3)
    file = segmentation_handover(net, SegmentationRecord(("background", "cat", "dog")))
    folder.mkdir(exist_ok=True)
    save_handover(replace(file, input=Input(64, channels)), folder / "best.pth")
    return folder


def write_autoencoder(path: Path) -> Autoencoder:
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4, 4, 6, 6, 8, 8), norm="batch")
    model = Autoencoder(encoder, UNetDecoder(encoder.channels, encoder.strides, norm="batch")).eval()
    save_handover(autoencoder_handover(model, PretrainingRecord(pretext="plain")), path)
    return model


@pytest.fixture
def model(tmp_path):
    return load_model(write_model(tmp_path / "run"), "cpu")


@pytest.fixture
def images(tmp_path) -> dict[str, Path]:
    pictures = {f"{name}.png": photo(i, height=size[0], width=size[1]) for i, (name, size) in enumerate(SIZES.items())}
    folder = write_tree(tmp_path / "in", pictures)
    return {name: folder / f"{name}.png" for name in SIZES}


def command_masks(tmp_path: Path, *words: str) -> dict[str, np.ndarray]:
    """What `python -m transfer.predict` writes for the images."""
    flags = ["--model_path", str(tmp_path / "run"), "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    assert predict([*flags, "--device", "cpu", *words]) == 0
    return {path.stem: np.asarray(Image.open(path)) for path in (tmp_path / "out/masks").glob("*.png")}


def test_a_mask_is_the_commands_for_an_array_a_pillow_image_and_a_path(model, images, tmp_path):
    masks = command_masks(tmp_path, "--batch_size", "1")
    for name, path in images.items():
        for given in (path, str(path), Image.open(path), np.asarray(Image.open(path))):
            prediction = model.predict(given)
            assert prediction.mask.dtype == np.uint8
            assert prediction.mask.shape == SIZES[name]
            assert np.array_equal(prediction.mask, masks[name])
            assert prediction.names == ("background", "cat", "dog")
            assert prediction.probabilities is None


def test_many_images_are_segmented_as_the_command_does_in_their_order(model, images, tmp_path):
    masks = command_masks(tmp_path, "--batch_size", "3")
    paths = sorted(images.values(), key=lambda path: path.stem)
    for path, prediction in zip(paths, model.predict_many(paths, batch_size=3), strict=True):
        assert np.array_equal(prediction.mask, masks[path.stem])


def test_a_batch_changes_an_images_probabilities_by_rounding_alone(model, images):
    paths = list(images.values())
    together = list(model.predict_many(paths, batch_size=4, probabilities=True))
    for path, ours in zip(paths, together, strict=True):
        alone = model.predict(path, probabilities=True)
        np.testing.assert_allclose(ours.probabilities, alone.probabilities, atol=1e-5)
        gap = np.diff(np.sort(alone.probabilities, axis=0)[-2:], axis=0)[0]
        assert np.array_equal(ours.mask[gap > 1e-4], alone.mask[gap > 1e-4])


def test_probabilities_sum_to_1_and_the_largest_is_the_masks_class(model, images):
    for name, path in images.items():
        prediction = model.predict(path, probabilities=True)
        assert prediction.probabilities.shape == (3, *SIZES[name])
        assert prediction.probabilities.dtype == np.float32
        np.testing.assert_allclose(prediction.probabilities.sum(0), 1, atol=1e-6)
        assert np.array_equal(prediction.probabilities.argmax(0), prediction.mask)


def test_many_images_are_read_one_batch_ahead_at_most(model):
    read = []

    def stream():
        for seed in range(10):
            read.append(seed)
            yield photo(seed)

    predictions = model.predict_many(stream(), batch_size=2)
    assert read == []
    next(predictions)
    assert read == [0, 1]
    assert len(list(predictions)) == 9


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_pillow_image_of_any_mode_is_read_as_its_file_is(mode, channels, tmp_path):
    model = load_model(write_model(tmp_path / "run", channels=channels), "cpu")
    image = Image.fromarray(photo(1))
    if mode == "I;16":
        image = Image.fromarray(np.linspace(0, 65535, 2000).reshape(40, 50).astype(np.uint16))
    image.convert(mode).save(tmp_path / "image.png")
    given = Image.open(tmp_path / "image.png")
    assert given.mode == mode
    assert np.array_equal(model.predict(given).mask, model.predict(tmp_path / "image.png").mask)


def test_a_pillow_image_is_turned_as_its_exif_tag_says(model, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photo(1)).save(tmp_path / "turned.png", exif=exif)
    given = model.predict(Image.open(tmp_path / "turned.png")).mask
    assert given.shape == (50, 40)
    assert np.array_equal(given, model.predict(tmp_path / "turned.png").mask)
    assert np.array_equal(given, model.predict(read_image(tmp_path / "turned.png")).mask)


def test_cmyk_is_read_as_colours(model):
    assert model.predict(Image.fromarray(photo(1)).convert("CMYK")).mask.shape == (40, 50)


def test_networks_of_one_and_four_channels_take_arrays_and_pillow_images(tmp_path):
    grey = load_model(write_model(tmp_path / "grey", channels=1), "cpu")
    flat = photo(1)[..., 0]
    masks = [grey.predict(given).mask for given in (flat, flat[..., None], Image.fromarray(flat))]
    assert all(np.array_equal(mask, masks[0]) for mask in masks)
    four = load_model(write_model(tmp_path / "four", channels=4), "cpu")
    rgba = np.concatenate([photo(1), flat[..., None]], axis=2)
    assert np.array_equal(four.predict(rgba).mask, four.predict(Image.fromarray(rgba)).mask)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (
            photo(1).astype(np.float32),
            r"has shape \(40, 50, 3\) and type float32; this network takes \(height, width, 3",
        ),
        (photo(1).transpose(2, 0, 1), r"has shape \(3, 40, 50\)"),
        (photo(1)[..., 0], r"has shape \(40, 50\)"),
        (photo(1)[:0], r"has shape \(0, 50, 3\)"),
        (Image.fromarray(np.zeros((4, 4), dtype=np.float32)), "of mode F has no fixed range"),
        ("nowhere.png", "cannot read the image file nowhere.png: No such file"),
    ],
)
def test_an_image_that_does_not_fit_is_refused_in_one_sentence(image, said, model):
    with pytest.raises(UserError, match=said):
        model.predict(image)


def test_something_else_than_an_image_is_refused():
    """In a process of its own, where annotations are not executed."""
    code = "from common.data.any_image import to_pixels; to_pixels([1, 2], 3)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "UserError: an image is an array, a PIL image or a path, not a list" in done.stderr


def test_a_pillow_image_without_the_fourth_channel_is_refused(tmp_path):
    model = load_model(write_model(tmp_path / "run", channels=4), "cpu")
    with pytest.raises(UserError, match=r"shape \(40, 50, 3\) and type uint8; this network takes \(height, width, 4"):
        model.predict(Image.fromarray(photo(1)))


def test_a_batch_of_nothing_is_refused(model):
    with pytest.raises(UserError, match="batch_size is 0"):
        next(model.predict_many([photo(1)], batch_size=0))


def test_a_model_is_loaded_from_its_folder_or_its_file(model, tmp_path):
    other = load_model(str(tmp_path / "run/best.pth"))
    assert model.input_size == other.input_size == 64
    assert model.device.type == "cpu"
    assert model.handover.task == other.handover.task
    assert not model.net.training
    assert isinstance(model.net, SegmentationNet)


def test_a_file_that_is_no_segmentation_network_is_refused(tmp_path):
    write_autoencoder(tmp_path / "ae.pth")
    with pytest.raises(UserError, match=r"is a file of phase 1; give the best.pth of transfer.main"):
        load_model(tmp_path / "ae.pth")
    with pytest.raises(UserError, match=r"cannot read .*best.pth: No such file"):
        load_model(tmp_path)


@pytest.mark.parametrize(("device", "said"), [("gpu", "one of auto, cpu, cuda"), ("cuda:99", "GPU")])
def test_a_device_that_does_not_exist_is_refused(device, said, tmp_path):
    with pytest.raises(UserError, match=said):
        load_model(write_model(tmp_path / "run"), device)


def test_an_encoder_is_loaded_from_either_phases_file_or_folder(tmp_path):
    model = write_autoencoder(tmp_path / "ae.pth")
    image = torch.rand(1, 3, 64, 64)
    for path in (tmp_path, str(tmp_path / "ae.pth")):
        encoder = load_encoder(path)
        assert not encoder.training
        assert encoder.strides == (1, 2, 4, 8, 16, 32)
        maps = encoder(image)
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(maps, model.encoder(image), strict=True))
    run = write_model(tmp_path / "run")
    ours, theirs = load_encoder(run / "best.pth")(image), load_model(run, "cpu").net.encoder(image)
    assert torch.equal(ours[-1], theirs[-1])


def test_a_training_begins_without_libraries_that_only_its_end_needs():
    late = {"sklearn", "torchvision", "torch._dynamo", "tensorboard", "matplotlib"}
    code = "import sys, transfer.phase; print('scipy.special' in sys.modules); import pretrain.phase; "
    code += "from common.models.encoder import UNetEncoder; from common.models.rebuild import planned; "
    code += f"planned(UNetEncoder, 'a file'); print(*sorted({late} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_the_packages_are_imported_without_torch():
    code = "import sys, pretrain, transfer, pretrain.config, transfer.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    for package, name in (("transfer", "load_model"), ("pretrain", "load_encoder")):
        assert name in __import__(package).__all__
        with pytest.raises(AttributeError, match="no_such_name"):
            __import__(package).no_such_name  # noqa: B018
