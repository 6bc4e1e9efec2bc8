"""The figures of `transfer.evaluate` are those that other scorers give the masks of `transfer.predict`."""

import io
import json
import sys
import zipfile
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
from datasets import disc, write_tree
from PIL import Image
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from run_checks import metrics
from skimage import measure
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_score, recall_score
from tiny import TINY

from benchmarks.scorers import smp_counts
from transfer.evaluate.__main__ import main as evaluate
from transfer.main import main as transfer
from transfer.predict.__main__ import main as predict

IGNORE = 255
RED, BLUE = (200, 60, 60), (60, 60, 200)
TRAINED, TESTED = 32, 6


def pet(index: int) -> tuple[str, np.ndarray, np.ndarray]:
    """The name of a pet, its photograph and its trimap: red cats and blue dogs in turn."""
    image, mask = disc(index, (RED, BLUE)[index % 2])
    return f"{('Bengal', 'beagle')[index % 2]}_{index}", image, np.select([mask == 1, mask == 0], [1, 2], 3)


def write_pets(root: Path) -> Path:
    """The official layout of the Oxford pets, with discs of several sizes."""
    names = []
    for index in range(TRAINED + TESTED):
        name, image, trimap = pet(index)
        names.append(f"{name} 1 {1 + index % 2} 1\n")
        files = {f"images/{name}.png": image, f"annotations/trimaps/{name}.png": trimap.astype(np.uint8)}
        write_tree(root, files)
    for part, lines in {"trainval": names[:TRAINED], "test": names[TRAINED:], "list": names}.items():
        (root / f"annotations/{part}.txt").write_text("".join(lines))
    return root


def write_nuclei(root: Path) -> Path:
    """Images and binary masks, in folders of the training and of the test part."""
    for index in range(TRAINED + TESTED):
        image, mask = disc(index)
        part = "train" if index < TRAINED else "test"
        binary = np.where(mask == 1, 255, 0).astype(np.uint8)
        write_tree(root, {f"{part}/images/{index:02}.png": image, f"{part}/masks/{index:02}.png": binary})
    return root


def write_isic(root: Path) -> Path:
    """ISIC 2016: photographs as JPEG, masks of 0 and 255 with the name of their image and an ending."""
    for index in range(TRAINED + TESTED):
        image, mask = disc(index)
        folder = f"ISBI2016_ISIC_Part1_{'Training' if index < TRAINED else 'Test'}"
        names = f"{folder}_Data/ISIC_{index:07}.jpg", f"{folder}_GroundTruth/ISIC_{index:07}_Segmentation.png"
        write_tree(root, dict(zip(names, (image, np.where(mask == 1, 255, 0).astype(np.uint8)), strict=True)))
    return root


def trained(data: Path, *flags: str, epochs: int = 7, run: Path = Path("run")) -> Path:
    """A small network after a few updates, good enough to find some discs and to miss parts of others."""
    words = [*TINY, "--epochs", str(epochs), "--lr", "0.01", "--jitter", "0"]
    words += ["--data_dir", str(data), "--output_dir", str(run)]
    assert transfer([*words, *flags]) == 0
    return run


@pytest.fixture(scope="module")
def pets(tmp_path_factory) -> tuple[Path, Path]:
    """A network that was trained on pets, and the photographs on which it is tested."""
    folder = tmp_path_factory.mktemp("pets")
    run = trained(write_pets(folder / "data"), epochs=12, run=folder / "run")
    tested = (pet(index)[:2] for index in range(TRAINED, TRAINED + TESTED))
    return run, write_tree(folder / "tested", {f"{name}.png": image for name, image in tested})


def scored(run: Path) -> dict:
    """What metrics.json says of the test images at their original size."""
    assert evaluate(["--model_path", str(run), "--original_size", "--no_report", "--output_dir", "scored"]) == 0
    return metrics(Path("scored"))["test_original_size"]


def predicted(run: Path, images: Path, *words: str) -> None:
    """Segment a folder of images into predictions/."""
    call = ["--model_path", str(run), "--input", str(images), "--output", "predictions", "--batch_size", "1"]
    assert predict([*call, "--no_overlays", *words]) == 0


def masks_of(run: Path, images: Path) -> dict[str, np.ndarray]:
    """The masks that `transfer.predict` writes for a folder of images, by name."""
    predicted(run, images)
    return {path.stem: opened(path) for path in Path("predictions/masks").iterdir()}


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def by_scikit_learn(truth: np.ndarray, guess: np.ndarray, k: int) -> dict[str, float]:
    """The scores of one class over all labelled pixels."""
    kept = truth != IGNORE
    pixels = truth[kept], guess[kept]
    scorers = {"iou": jaccard_score, "dice": f1_score, "precision": precision_score, "recall": recall_score}
    return {name: score(*pixels, labels=[k], average="macro") for name, score in scorers.items()}


def assert_theirs(told: dict, pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """All figures are scikit-learn's on all pixels, and segmentation_models_pytorch's on the images."""
    truth, guess = (np.concatenate([mask.ravel() for mask in masks]) for masks in zip(*pairs, strict=True))
    for k, (name, ours) in enumerate(told["per_class"].items()):
        assert ours == pytest.approx(by_scikit_learn(truth, guess, k)), name
    assert told["pixel_accuracy"] == pytest.approx(accuracy_score(truth[truth != IGNORE], guess[truth != IGNORE]))
    stats = smp_counts(pairs, len(told["per_class"]))
    assert told["mean_iou"] == pytest.approx(smp.metrics.iou_score(*stats, reduction="macro").item())
    assert told["mean_dice"] == pytest.approx(smp.metrics.f1_score(*stats, reduction="macro").item())
    ious = smp.metrics.iou_score(*stats, reduction=None, zero_division=float("nan")).double().nanmean(0)
    by_image = [ours["iou"] for ours in told["image_mean"]["per_class"].values()]
    assert by_image == pytest.approx(ious.tolist())


def test_figures_of_pets_are_those_of_other_libraries_on_the_written_masks(pets):
    run, photographs = pets
    masks = masks_of(run, photographs)
    pairs = []
    for index in range(TRAINED, TRAINED + TESTED):
        name, _, trimap = pet(index)
        pairs.append((np.select([trimap == 1, trimap == 2], [1 + index % 2, 0], IGNORE), masks[name]))
    told = scored(run)
    assert 0.4 < told["mean_iou"] < 0.99, "a perfect network would show little"
    assert_theirs(told, pairs)


def test_figures_of_nuclei_are_those_of_other_libraries_on_the_written_masks(tmp_path):
    run = trained(write_nuclei(tmp_path / "nuclei"))
    masks = masks_of(run, tmp_path / "nuclei/test/images")
    pairs = [((disc(int(name))[1] == 1).astype(np.uint8), mask) for name, mask in masks.items()]
    told = scored(run)
    assert len(pairs) == TESTED
    assert 0.4 < told["mean_iou"] < 0.99, "a perfect network would show little"
    assert_theirs(told, pairs)


@pytest.fixture
def isic_scorer(monkeypatch):
    """The official scorer of the ISIC challenges; it unpacks ZIP files by a package that only a compiler installs."""
    monkeypatch.setitem(sys.modules, "zipfile_deflate64", zipfile)
    from isic_challenge_scoring import SegmentationScore

    return SegmentationScore


@pytest.mark.filterwarnings("ignore:The inplace keyword in Series.rename")  # the scorer's own
def test_the_mean_jaccard_of_isic_2016_is_that_of_its_official_scorer(isic_scorer, tmp_path):
    data = write_isic(tmp_path / "isic")
    run = trained(data, "--one_logit", "--bce_weight", "1", "--dice_weight", "0", "--ce_weight", "0")
    predicted(run, data / "ISBI2016_ISIC_Part1_Test_Data", "--format", "255")
    theirs = isic_scorer.from_dir(data / "ISBI2016_ISIC_Part1_Test_GroundTruth", Path("predictions/255"))
    ours = scored(run)["image_mean"]
    lesion = ours["per_class"]["foreground"]
    assert 0.2 < lesion["iou"] < 0.95, "a perfect network would show little"
    assert lesion["iou"] == pytest.approx(theirs.macro_average["jaccard"])
    assert lesion["dice"] == pytest.approx(theirs.macro_average["dice"])
    assert lesion["recall"] == pytest.approx(theirs.macro_average["sensitivity"])
    assert ours["pixel_accuracy"] == pytest.approx(theirs.macro_average["accuracy"])


def ground_truth(masks: dict[str, np.ndarray], names: tuple[str, ...]) -> COCO:
    """Masks as a data set of COCO, by the names of their images: every connected part of a class is an object."""
    images, annotations = [], []
    for number, (name, mask) in enumerate(masks.items(), start=1):
        images.append({"id": number, "file_name": name, "height": mask.shape[0], "width": mask.shape[1]})
        for k in range(1, len(names)):
            labels = measure.label(mask == k, connectivity=2)
            for region in measure.regionprops(labels):
                code = coco_masks.encode(np.asfortranarray((labels == region.label).astype(np.uint8)))
                code["counts"] = code["counts"].decode()
                one = {"id": len(annotations) + 1, "image_id": number, "category_id": k, "iscrowd": 0}
                annotations.append({**one, "segmentation": code, "area": int(region.area), "bbox": [0, 0, 0, 0]})
    categories = [{"id": k, "name": name} for k, name in enumerate(names) if k]
    truth = COCO()
    truth.dataset = {"info": {}, "images": images, "annotations": annotations, "categories": categories}
    truth.createIndex()
    return truth


def average_precision(truth: COCO, predictions: Path) -> tuple[float, float]:
    """AP over IoU from 0.5 to 0.95, and AP at 0.5, by COCO's own evaluation of a written coco.json."""
    written = json.loads(predictions.read_text())
    numbers = {Path(image["file_name"]).stem: image["id"] for image in written["images"]}
    known = {numbers[Path(image["file_name"]).stem]: image["id"] for image in truth.dataset["images"]}
    found = [{**one, "image_id": known[one["image_id"]]} for one in written["annotations"] if one["image_id"] in known]
    with redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, truth.loadRes(found), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[0], evaluation.stats[1]


def test_cocos_own_evaluation_takes_the_predictions(pets):
    run, photographs = pets
    predicted(run, photographs, "--format", "palette", "coco", "--min_object_area", "0")
    masks = {path.stem: opened(path) for path in Path("predictions/masks").iterdir()}
    names = tuple(json.loads(Path("predictions/classes.json").read_text())["names"])
    oracle = ground_truth(masks, names)
    assert average_precision(oracle, Path("predictions/coco.json")) == pytest.approx((1, 1))
    tested = [pet(index) for index in range(TRAINED, TRAINED + TESTED)]
    discs = {name: (trimap == 1) * np.uint8(1 + (name[0].islower())) for name, _, trimap in tested}
    strict, lenient = average_precision(ground_truth(discs, names), Path("predictions/coco.json"))
    assert 0.1 < strict < lenient <= 1
