"""`transfer.predict`: masks at the size of the images, whatever these are."""

import csv
import json

import numpy as np
import pytest
import torch
from datasets import photo, write_tree
from PIL import Image
from skimage import measure
from torch.nn import functional as F

from common.data.decode import read_image
from common.data.fitting import Fitting, resize_image
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.overlay import overlay_mask
from common.run.checkpoint import load_handover, save_handover
from common.run.records import SegmentationRecord
from tests.records import segmentation_handover
from transfer.model import SegmentationNet
from transfer.predict.__main__ import main as predict
from transfer.predict.objects import Objects, parts_of
from transfer.segmenter import predict_at_size, resize_logits


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


def test_masks_have_the_size_of_their_images_and_the_palette_of_the_classes(model, images, tmp_path, capsys):
    assert run("--model_path", model, "--input", images, "--output", tmp_path / "out") == 0
    for key, size in {"wide": (131, 50), "deep/tall": (40, 97), "one": (1, 1)}.items():
        mask = opened(tmp_path / f"out/masks/{key}.png")
        assert mask.mode == "P"
        assert mask.size == opened(tmp_path / f"out/overlays/{key}.png").size == size
        assert set(np.unique(np.asarray(mask))) <= {0, 1, 2}
        assert (mask.getpalette() or [])[:9] == [0, 0, 0, 230, 159, 0, 86, 180, 233]
    classes = json.loads((tmp_path / "out/classes.json").read_text())
    assert classes["colours"] == {"background": "#000000", "cat": "#e69f00", "dog": "#56b4e9"}
    *_, where, what_next = capsys.readouterr().out.splitlines()
    assert where == f"masks of 3 images: {tmp_path / 'out'}"
    assert what_next.startswith(f"next: python -m transfer.gradcam --model_path {model} --input {images} --output ")


def test_a_mask_is_the_likeliest_class_of_the_enlarged_logits(model, images, tmp_path):
    words = ["--input", images / "wide.jpg", "--output", tmp_path / "out", "--min_object_area", 0]
    assert run("--model_path", model, *words) == 0
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
    assert int(shares[6]) == len(measure.regionprops(measure.label((expected == 1).numpy(), connectivity=2)))
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


def test_two_calls_are_not_mixed_in_one_folder(model, images, tmp_path, capsys):
    words = ["--model_path", model, "--output", tmp_path / "out"]
    assert run(*words, "--input", images) == 0
    assert run(*words, "--input", images / "deep") == 2
    assert "out holds the masks of" in capsys.readouterr().err
    assert run(*words, "--input", images / "deep", "--overwrite") == 0
    assert [path.name for path in (tmp_path / "out/masks").rglob("*.png")] == ["tall.png"]
    (tmp_path / "out/predict.json").unlink()
    assert run(*words, "--input", images / "deep") == 2
    assert "the masks of an older version" in capsys.readouterr().err


def test_the_same_call_again_leaves_no_mask_of_an_image_that_is_gone(model, images, tmp_path):
    for _ in range(2):
        assert run("--model_path", model, "--input", images, "--output", tmp_path / "out") == 0
        (images / "wide.jpg").unlink(missing_ok=True)
    assert sorted(path.stem for path in (tmp_path / "out/overlays").rglob("*.png")) == ["one", "tall"]


def test_parts_are_those_of_scikit_image():
    mask = np.random.default_rng(0).choice([0, 1, 2], (30, 40), p=[0.7, 0.2, 0.1]).astype(np.uint8)
    for background, kinds in ((0, [1, 2]), (None, [0, 1, 2])):
        found = list(parts_of(mask, background))
        assert sorted({part.kind for part in found}) == kinds
        for kind in kinds:
            regions = measure.regionprops(measure.label(mask == kind, connectivity=2))
            ours = sorted((p.area, p.top, p.left, p.top + p.height, p.left + p.width) for p in found if p.kind == kind)
            assert ours == sorted((int(region.area), *map(int, region.bbox)) for region in regions)
    assert next(parts_of(np.pad(np.ones((2, 4), np.uint8), 3), 0))[-2:] == (4.5, 3.5)


@pytest.mark.parametrize("strip", [1, 40, 41, 120, 300])
def test_parts_that_cross_strips_are_those_of_the_whole_mask(strip, monkeypatch):
    random = np.random.default_rng(1)
    spiral = np.zeros((40, 40), np.uint8)
    for inset in range(0, 20, 4):
        spiral[inset : 40 - inset, inset : 40 - inset] = 1
        spiral[inset + 1 : 39 - inset, inset + 1 : 39 - inset] = 0
        spiral[inset + 1, inset] = 0
    masks = [random.choice([0, 1, 2], (30, 40), p=[0.6, 0.2, 0.2]).astype(np.uint8), spiral, np.eye(40, dtype=np.uint8)]
    whole = [list(parts_of(mask, 0)) for mask in masks]
    monkeypatch.setattr("common.strips.STRIP", strip)
    assert [list(parts_of(mask, 0)) for mask in masks] == whole
    assert [part.top for part in whole[1]] == sorted(part.top for part in whole[1])


def test_specks_are_left_out_of_the_objects_and_counted():
    mask = np.zeros((64, 128), np.uint8)
    mask[2, 2], mask[10:12, 10:14], mask[20:30, 20:30], mask[40, 40:47] = 1, 1, 1, 2  # 1, 8, 100 and 7 pixels

    def areas(least, size=64):
        objects = Objects(("ground", "cell", "scratch"), 0, fitting=Fitting(size), least=least)
        objects.count(found := objects.of(mask))
        return sorted(part.area for part in found.parts), list(objects.told())

    assert areas(0)[0] == areas(1)[0] == [1, 7, 8, 100]
    assert not any("specks" in line for line in areas(0)[1])
    assert areas(8)[0] == areas(None)[0] == [8, 100]  # 4 pixels of 64 x 64 are 8 of 64 x 128
    assert areas(None, 32)[0] == [100]
    assert areas(None)[1][2:] == [
        "  cell                    2, median 54 pixels",
        "  scratch                 0",
        "left out as specks: 2 parts of less than 8 pixels; --min_object_area sets how many, 0 counts all",
    ]
    several = Objects(("ground", "cell", "scratch"), 0, fitting=Fitting(64), least=None)
    for other in (mask, mask[:, :64], mask[:32, :32]):
        several.count(several.of(other))
    assert list(several.told())[-1].startswith("left out as specks: 3 parts of less than 1 to 8 pixels;")


def test_large_odd_and_unusable_names_stop_nothing(model, images, tmp_path, capsys):
    names = ["caf\udce9", "two\nlines", 'it\'s "quoted"', "n" * 251]
    write_tree(images, {f"{name}.png": photo(5) for name in names})
    Image.new("1", (13400, 13400)).save(images / "large.png")  # 22 kB
    (images / "gone.jpg").symlink_to("nowhere")
    gif = [Image.fromarray(photo(seed)) for seed in range(3)]
    gif[0].save(images / "moves.gif", save_all=True, append_images=gif[1:])
    assert run("--model_path", model, "--input", images, "--output", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert "large.png: its 179,560,000 pixels are more than 178,956,970 (--max_pixels); shrink it" in said.out
    assert "moves.gif holds 3 pictures" in said.out
    assert "masks of 7 images, 2 could not be read" in said.out
    assert "note: passed over: 1 name: " in said.err
    for name in names:
        assert opened(tmp_path / f"out/masks/{name}.png").size == opened(tmp_path / f"out/overlays/{name}.png").size
    with (tmp_path / "out/predictions.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        listed = [row["image"] for row in csv.DictReader(file)]
    assert set(names) < set(listed)


def test_images_too_large_to_wait_and_in_strips_give_the_same_files(model, images, tmp_path, monkeypatch):
    for folder in ("whole", "strips"):
        assert run("--model_path", model, "--input", images, "--output", tmp_path / folder) == 0
        monkeypatch.setattr("transfer.predict.photos.HELD", 0)
        monkeypatch.setattr("common.strips.STRIP", 300)
    files = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.*"))
    assert len(files) == 11
    for file in files:
        one, other = (tmp_path / folder / file for folder in ("whole", "strips"))
        if "overlays" in file.parts:  # written strip by strip
            assert np.array_equal(np.asarray(opened(one)), np.asarray(opened(other)))
        else:
            assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("classes", [1, 2, 3, 21])
@pytest.mark.parametrize("size", [(1, 1), (20, 20), (37, 64), (300, 401), (17, 2000), (64, 64)])
def test_classes_one_at_a_time_give_the_bits_of_all_at_once(classes, size):
    random = torch.Generator().manual_seed(classes)
    for logits in (torch.randn(classes, 32, 32, generator=random), torch.randn(classes, 32, 32).round()):
        whole = resize_logits(logits[None], size)[0].argmax(0)
        assert torch.equal(predict_at_size(logits, size).long(), whole)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--model_path is missing"),
        (("--model_path", "best.pth", "--input", "in"), "--output is missing"),
        (("--model_path", "best.pth", "--input", "nowhere", "--output", "out"), "no image and no folder nowhere"),
        (("--model_path", "best.pth", "--input", "empty", "--output", "out"), "empty holds no images"),
        (("--model_path", "best.pth", "--input", "bad", "--output", "out"), "of 1 image none can be read"),
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
