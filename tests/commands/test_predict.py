"""`transfer.predict`: masks at the size of the images, whatever these are."""

import json

import numpy as np
import pytest
import torch
from datasets import photo, write_tree
from PIL import Image
from torch.nn import functional as F

from common.data.decode import read_image, resize_image
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.run.checkpoint import load_handover, save_handover
from common.run.records import SegmentationRecord
from tests.records import segmentation_handover
from transfer.colours import overlay_mask
from transfer.model import SegmentationNet
from transfer.predict.__main__ import main as predict


@pytest.fixture
def model(tmp_path):
    """The file of an untrained network for three classes of images of 64 x 64 pixels."""
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4, 4, 6, 6, 8, 8), norm="batch")
    net = SegmentationNet(encoder, UNetDecoder(encoder.channels, encoder.strides, norm="batch"), num_classes=3)
    task = SegmentationRecord(("background", "cat", "dog"))
    path = tmp_path / "best.pth"
    save_handover(segmentation_handover(net, task), path)
    return path


@pytest.fixture
def images(tmp_path):
    return write_tree(
        tmp_path / "in",
        {
            "wide.jpg": photo(1, height=50, width=131),
            "deep/tall.png": photo(2, height=97, width=40),
            "one.png": photo(3, height=1, width=1),
        },
    )


def opened(path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


def run(*words) -> int:
    return predict([str(word) for word in words])


def test_masks_have_the_size_of_their_images_and_the_palette_of_the_classes(model, images, tmp_path):
    assert run("--model_path", model, "--input", images, "--output", tmp_path / "out") == 0
    for key, size in {"wide": (131, 50), "deep/tall": (40, 97), "one": (1, 1)}.items():
        mask = opened(tmp_path / f"out/masks/{key}.png")
        assert mask.mode == "P"
        assert mask.size == opened(tmp_path / f"out/overlays/{key}.png").size == size
        assert set(np.unique(np.asarray(mask))) <= {0, 1, 2}
        assert mask.getpalette()[:9] == [0, 0, 0, 230, 159, 0, 86, 180, 233]
    classes = json.loads((tmp_path / "out/classes.json").read_text())
    assert classes["colours"] == {"background": "#000000", "cat": "#e69f00", "dog": "#56b4e9"}


def test_a_mask_is_the_likeliest_class_of_the_enlarged_logits(model, images, tmp_path):
    assert run("--model_path", model, "--input", images / "wide.jpg", "--output", tmp_path / "out") == 0
    file = load_handover(model)
    net = SegmentationNet.from_architecture(file.architecture).eval()
    for part, state in file.sections.items():
        net.get_submodule(part).load_state_dict(state)
    small = resize_image(read_image(images / "wide.jpg"), 64)
    with torch.no_grad():
        logits = net(torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255)
    expected = F.interpolate(logits, size=(50, 131), mode="bilinear", align_corners=False).argmax(1)[0]
    assert np.array_equal(np.asarray(opened(tmp_path / "out/masks/wide.png")), expected.numpy())
    shares = (tmp_path / "out/predictions.csv").read_text().splitlines()[1].split(",")
    assert shares[:3] == ["wide", "131", "50"]
    assert float(shares[3]) == pytest.approx((expected == 0).float().mean().item(), abs=1e-4)


def test_an_unreadable_image_is_named_and_left_out(model, images, tmp_path, capsys):
    (images / "broken.jpg").write_bytes(b"no image")
    assert run("--model_path", model, "--input", images, "--output", tmp_path / "out", "--batch_size", 2) == 0
    said = capsys.readouterr().out
    assert "left out: cannot read the image file" in said
    assert "broken.jpg" in said
    assert "masks of 3 images, 1 could not be read" in said
    assert len((tmp_path / "out/predictions.csv").read_text().splitlines()) == 4


def test_an_output_inside_the_input_is_not_segmented_the_next_time(model, images):
    for _ in range(2):
        assert run("--model_path", model, "--input", images, "--output", images / "out") == 0
    assert len(list((images / "out/masks").rglob("*.png"))) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--model_path is missing"),
        (("--model_path", "best.pth", "--input", "in"), "--output is missing"),
        (("--model_path", "best.pth", "--input", "nowhere", "--output", "out"), "no image and no folder nowhere"),
        (("--model_path", "best.pth", "--input", "empty", "--output", "out"), "empty holds no images"),
        (("--model_path", "best.pth", "--input", "bad", "--output", "out"), "none of the 1 images can be read"),
        (("--model_path", "best.pth", "--input", "in", "--output", "best.pth"), "a file is in the way"),
        (("--model_path", "in", "--input", "in", "--output", "out"), "cannot read in/best.pth"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(words, said, model, images, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    write_tree(tmp_path / "bad", {})
    (tmp_path / "bad").mkdir(exist_ok=True)
    (tmp_path / "bad/x.jpg").write_bytes(b"no image")
    assert run(*words) == 2
    assert said in capsys.readouterr().err


def test_an_overlay_tints_the_foreground_alone():
    image = np.full((2, 2, 3), 100, dtype=np.uint8)
    mask = np.array([[0, 1], [2, 0]], dtype=np.uint8)
    tinted = overlay_mask(image, mask)
    assert np.array_equal(tinted[mask == 0], image[mask == 0])
    assert tinted[0, 1] == pytest.approx([0.55 * 100 + 0.45 * c for c in (230, 159, 0)], abs=0.51)
