"""Files for other programs: COCO, Label Studio, CVAT, GeoJSON and GeoTIFF hold exactly the parts of the masks."""

import contextlib
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import rasterio
from affine import Affine
from datasets import photo, write_tree
from PIL import Image
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from rasterio.features import rasterize
from segmenters import pixels, write_segmenter
from skimage.measure import label

from transfer.predict.__main__ import main as predict

UTM = Affine(0.5, 0, 400_000, 0, -0.5, 5_000_000)
KEYS = ("wide", "deep/tall")


def run(*words) -> int:
    return predict([str(word) for word in words])


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    """All of these formats, with the probabilities, of a JPEG and a GeoTIFF."""
    folder = tmp_path_factory.mktemp("exchange")
    write_tree(folder / "in", {"wide.png": photo(1, height=50, width=131)})
    (folder / "in/deep").mkdir()
    image, place = photo(2, height=97, width=40), {"crs": "EPSG:32633", "transform": UTM}
    with rasterio.open(
        folder / "in/deep/tall.tif", "w", driver="GTiff", height=97, width=40, count=3, dtype="uint8", **place
    ) as file:
        file.write(image.transpose(2, 0, 1))
    model = write_segmenter(folder / "best.pth")
    words = ["--format", "palette", "coco", "labelstudio", "cvat", "geojson", "geotiff", "--probabilities", "tiff"]
    assert run("--model_path", model, "--input", folder / "in", "--output", folder / "out", *words) == 0
    return folder / "out"


def parts(out: Path, key: str) -> list[tuple[int, np.ndarray]]:
    """The parts of a mask but specks, of less than 4 of 64 x 64 pixels, by scikit-image."""
    mask = pixels(out / f"masks/{key}.png")
    least, found = round(4 * mask.size / 64**2), []
    for kind in (1, 2):
        numbers = label(mask == kind, connectivity=2)
        found += [
            (kind, numbers == number) for number in range(1, numbers.max() + 1) if (numbers == number).sum() >= least
        ]
    return sorted(found, key=in_order)


def in_order(part: tuple[int, np.ndarray]) -> tuple[int, bytes]:
    return part[0], part[1].tobytes()


def same(ours: list[tuple[int, np.ndarray]], expected: list[tuple[int, np.ndarray]]) -> bool:
    pairs = zip(sorted(ours, key=in_order), expected, strict=True)
    return all(kind == other and np.array_equal(one, two) for (kind, one), (other, two) in pairs)


def read_quietly(source) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(source))


def test_pycocotools_reads_every_part_with_its_score(out):
    coco = read_quietly(out / "coco.json")
    assert {one["name"]: one["id"] for one in coco.dataset["categories"]} == {"cat": 1, "dog": 2}
    for image in coco.dataset["images"]:
        key = image["file_name"].rpartition(".")[0]
        assert key in KEYS
        found = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        masks = [(one["category_id"], coco.annToMask(one).astype(bool)) for one in found]
        assert len(masks) > 3
        assert same(masks, parts(out, key))
        _, pages = cv2.imreadmulti(str(out / f"probabilities/{key}.tiff"), flags=cv2.IMREAD_UNCHANGED)
        for one, (kind, mask) in zip(found, masks, strict=True):
            packed = coco_masks.encode(np.asfortranarray(mask, np.uint8))
            assert one["segmentation"] == {"size": packed["size"], "counts": packed["counts"].decode()}
            assert one["area"] == mask.sum()
            assert one["bbox"] == coco_masks.toBbox(coco.annToRLE(one)).tolist()
            assert one["score"] == pytest.approx(pages[kind][mask].mean() / 65535, abs=1e-4)


def test_pycocotools_scores_the_annotations_as_results(out):
    coco = read_quietly(out / "coco.json")
    with contextlib.redirect_stdout(io.StringIO()):
        scored = COCOeval(coco, coco.loadRes(coco.dataset["annotations"]), "segm")
        scored.evaluate()
        scored.accumulate()
        scored.summarize()
    assert scored.stats[0] == pytest.approx(1)


def decoded(rle: list[int]) -> np.ndarray:
    """Label Studio's bytes as values, bit by bit, as its own reader takes them (label_studio_converter.brush)."""
    bits = iter("".join(f"{byte:08b}" for byte in rle))

    def read(count: int) -> int:
        return int("".join(next(bits) for _ in range(count)), 2)

    total, size = read(32), read(5) + 1
    lengths = [read(4) + 1 for _ in range(4)]
    values = []
    while len(values) < total:
        is_run = read(1)
        count = read(lengths[read(2)]) + 1
        values += [read(size)] * count if is_run else [read(size) for _ in range(count)]
    return np.array(values)


def test_label_studio_gets_a_task_for_each_image_and_a_brush_for_each_part(out):
    tasks = json.loads((out / "labelstudio.json").read_text())
    interface = ElementTree.parse(out / "labelstudio.xml").getroot()
    [brushes], [image] = interface.findall("BrushLabels"), interface.findall("Image")
    assert [one.get("value") for one in brushes] == ["cat", "dog"]
    names = [task["data"][image.attrib["value"].removeprefix("$")] for task in tasks]
    assert names == ["/data/local-files/?d=deep/tall.tif", "/data/local-files/?d=wide.png"]
    for key, task in zip(("deep/tall", "wide"), tasks, strict=True):
        [prediction] = task["predictions"]
        ours = []
        for region in prediction["result"]:
            assert (region["from_name"], region["to_name"]) == (brushes.get("name"), image.get("name"))
            assert (region["type"], region["value"]["format"]) == ("brushlabels", "rle")
            size = region["original_height"], region["original_width"]
            values = decoded(region["value"]["rle"]).reshape(*size, 4)
            assert set(np.unique(values)) <= {0, 255}
            [name] = region["value"]["brushlabels"]
            ours.append((["cat", "dog"].index(name) + 1, values[..., 3] == 255))
        assert same(ours, parts(out, key))
        assert prediction["score"] == pytest.approx(np.mean([one["score"] for one in prediction["result"]]), abs=1e-4)
        assert len({region["id"] for region in prediction["result"]}) == len(ours)


def test_cvat_gets_a_mask_for_each_part(out):
    root = ElementTree.parse(out / "cvat.xml").getroot()
    assert root.findtext("version") == "1.1"
    assert [one.text for one in root.iterfind("meta/task/labels/label/name")] == ["cat", "dog"]
    for image in root.iterfind("image"):
        key = image.attrib["name"].rpartition(".")[0]
        ours = []
        for one in image.iterfind("mask"):
            left, top, width, height = (int(one.attrib[name]) for name in ("left", "top", "width", "height"))
            lengths = [int(length) for length in one.attrib["rle"].split(",")]  # as CVAT's reader does
            crop = np.repeat(np.arange(len(lengths)) % 2, lengths)
            mask = np.zeros((int(image.attrib["height"]), int(image.attrib["width"])), bool)
            mask[top : top + height, left : left + width].flat[: len(crop)] = crop
            ours.append((["cat", "dog"].index(one.attrib["label"]) + 1, mask))
        assert same(ours, parts(out, key))


@pytest.mark.parametrize(("key", "place"), [("wide", Affine.identity()), ("deep/tall", UTM)])
def test_outlines_are_the_parts_in_pixels_or_on_earth(key, place, out):
    content = json.loads((out / f"geojson/{key}.geojson").read_text())
    named = content.get("crs", {}).get("properties", {}).get("name")
    assert named == ("urn:ogc:def:crs:EPSG::32633" if place is UTM else None)
    size = pixels(out / f"masks/{key}.png").shape
    ours = []
    for feature in content["features"]:
        mask = rasterize([feature["geometry"]], out_shape=size, transform=place).astype(bool)
        assert feature["properties"]["pixels"] == mask.sum()
        assert 0 < feature["properties"]["score"] <= 1
        polygons = feature["geometry"]["coordinates"]
        for outer, *holes in polygons if feature["geometry"]["type"] == "MultiPolygon" else [polygons]:
            assert outer[0] == outer[-1]
            assert turning(outer) > 0 > max(map(turning, holes), default=-1)  # RFC 7946: counterclockwise, holes not
        ours.append((["cat", "dog"].index(feature["properties"]["class"]) + 1, mask))
    assert same(ours, parts(out, key))


def turning(ring: list[list[float]]) -> float:
    """The area within a ring, above 0 where it goes counterclockwise."""
    x, y = np.array(ring).T - np.array(ring[0])[:, None]
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())


def test_a_geotiff_keeps_the_place_of_its_image_and_others_have_none(out):
    with rasterio.open(out / "geotiff/deep/tall.tif") as file:
        assert (file.crs.to_epsg(), file.transform, file.nodata) == (32633, UTM, 255)
        assert np.array_equal(file.read(1), pixels(out / "masks/deep/tall.png"))
        assert file.colormap(1)[1][:3] == (230, 159, 0)
    assert np.array_equal(pixels(out / "geotiff/wide.tif"), pixels(out / "masks/wide.png"))


def test_a_place_that_no_file_keeps_is_noted(out, tmp_path, capsys):
    words = ["--model_path", out.parent / "best.pth", "--input", out.parent / "in", "--output", tmp_path / "out"]
    assert run(*words) == 0
    assert "note: 1 image has a place on earth, which PNG does not keep" in capsys.readouterr().err
    assert run(*words, "--format", "geotiff", "--overwrite") == 0
    assert "place on earth" not in capsys.readouterr().err


def test_an_empty_mask_and_one_of_a_single_class_are_written(tmp_path):
    Image.new("RGB", (20, 30)).save(tmp_path / "black.png")
    model = write_segmenter(tmp_path / "best.pth", ("everything",))
    words = ["--input", tmp_path / "black.png", "--output", tmp_path / "out", "--tta", "flips"]
    kinds = ["--format", "coco", "labelstudio", "cvat", "geojson", "rgba"]
    assert run("--model_path", model, *words, *kinds) == 0
    assert len(read_quietly(tmp_path / "out/coco.json").anns) == 0
    assert json.loads((tmp_path / "out/labelstudio.json").read_text())[0]["predictions"][0]["score"] == 0
