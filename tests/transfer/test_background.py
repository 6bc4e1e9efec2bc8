"""Which class is the background, if any: in files, scores, words and pictures."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from common.data.batches import sampling_weights
from common.data.classes import Classes
from common.data.synthetic.pets import synthetic_pets
from common.embedding import image_classes
from common.errors import UserError
from common.metrics import confusion_scores
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.overlay import STRIPE, overlay_mask
from common.run.checkpoint import load_handover, save_handover
from common.run.plain_data import from_dict
from common.run.records import SegmentationRecord
from tests.records import segmentation_handover
from transfer.colours import UNLABELLED, class_legend, error_legend, paint, paint_errors
from transfer.metrics.scores import Scores
from transfer.model import SegmentationNet
from transfer.report.figures import activation_grid, confusion_figure, sample_grid
from transfer.report.gallery import SHOWN, error_pixels, layer_list
from transfer.report.headline import main_figures, score_warnings, verdict
from transfer.segmenter import load_model

NAMES = ("sky", "road", "car")
COUNTS = np.array([[[8, 1, 0], [2, 6, 3], [0, 1, 4]], [[5, 0, 1], [1, 9, 0], [2, 2, 7]]])


def net(**changes) -> SegmentationNet:
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4,) * 4, dropout=(0.0,) * 4)
    return SegmentationNet(
        encoder, UNetDecoder(encoder.channels, encoder.strides, widths=(4,) * 3, dropout=(0.0,) * 3), **changes
    )


@pytest.mark.parametrize(
    ("said", "background"),
    [({}, 0), ({"background": "none"}, None), ({"background": None}, None), ({"background": "car"}, 2)],
)
def test_the_file_of_classes_says_which_one_is_the_background(said, background):
    classes = Classes.from_dict({"names": list(NAMES), "values": {0: 0, 1: 1, 2: 2}, **said})
    assert classes.background == background
    assert Classes.from_dict(classes.to_dict()) == classes
    assert bool(classes.notes) is not bool(said)


def test_a_first_class_that_is_called_background_needs_no_word():
    assert Classes.from_dict({"names": ["Background", "cell"], "values": {0: 0}}).notes == ()
    assert "sky, the first class, is taken for the background" in Classes(NAMES, {0: 0}, assumed=True).notes[0]


def test_a_class_may_be_called_none():
    assert Classes.from_dict({"names": ["none", "cell"], "values": {0: 0}, "background": "none"}).background == 0


@pytest.mark.parametrize("word", ["roof", 1, True, ["sky"]])
def test_a_background_that_is_no_class_is_refused(word):
    with pytest.raises(UserError, match="it is none, or one of sky, road, car"):
        Classes.from_dict({"names": list(NAMES), "values": {0: 0}, "background": word})


@pytest.mark.parametrize("background", [0, 1, None])
def test_the_foreground_is_every_other_class(background):
    scores = Scores(COUNTS, NAMES, background)
    others = [dice for k, dice in enumerate(scores.per_class["dice"]) if k != background]
    assert scores.means["mean_foreground_dice"] == pytest.approx(np.mean(others))
    assert scores.interval("mean_foreground_dice").value == pytest.approx(np.mean(others))
    assert confusion_scores(COUNTS.sum(0), background)["mean_iou"] == pytest.approx(scores.mean_iou)


def test_without_a_background_no_word_speaks_of_a_foreground():
    assert "foreground Dice" in main_figures(Scores(COUNTS, NAMES))
    assert list(main_figures(Scores(COUNTS, NAMES, None))) == ["mean IoU", "mean Dice", "pixel accuracy"]
    assert not any("background" in layer.note for layer in layer_list(NAMES, None))
    assert [name for name, _ in error_legend(None)] == ["wrong class", "not labelled"]
    assert [name for name, _ in class_legend(NAMES, None)] == list(NAMES)
    assert [name for name, _ in class_legend(NAMES, 1)] == ["sky", "car"]


@pytest.mark.parametrize(
    ("background", "expected"),
    [
        (0, {"missed": 2, "invented": 1, "wrong class": 4}),
        (1, {"missed": 2, "invented": 5, "wrong class": 0}),
        (None, {"wrong class": 7}),
    ],
)
def test_every_wrong_pixel_is_of_one_kind(background, expected):
    assert error_pixels(COUNTS[0], background) == expected
    pairs = [(i, j) for i in range(3) for j in range(3) for _ in range(COUNTS[0, i, j])]
    truth, prediction = (torch.tensor(column)[None, None] for column in zip(*pairs, strict=True))
    colours, counts = np.unique(paint_errors(prediction, truth, background).reshape(-1, 3), axis=0, return_counts=True)
    assert sorted(counts) == sorted([18, *(pixels for pixels in expected.values() if pixels)])
    assert len(colours) == len(counts)


def test_an_overlay_leaves_the_background_clear_and_nothing_else():
    image, mask = np.full((8, 12, 3), 250, dtype=np.uint8), np.repeat(np.arange(3, dtype=np.uint8), 32).reshape(8, 12)
    for background in (0, 1, 2, None):
        clear = (overlay_mask(image, mask, background) == 250).all(-1)
        np.testing.assert_array_equal(clear, mask == (9 if background is None else background))


def test_what_is_not_labelled_is_hatched_and_looks_like_no_class():
    mask = torch.full((1, 4 * STRIPE, 4 * STRIPE), 255)
    hatched = paint(mask)
    assert len(np.unique(hatched.reshape(-1, 3), axis=0)) == 2
    assert (hatched[0, 0, 0] == UNLABELLED).all()
    for picture in (
        paint_errors(torch.zeros_like(mask), mask, 0),
        overlay_mask(np.zeros((8, 8, 3), np.uint8), mask[0].byte().numpy(), 0)[None],
    ):
        np.testing.assert_array_equal(picture, hatched)


def test_a_network_s_file_carries_the_background_and_older_files_mean_the_first_class(tmp_path):
    path = tmp_path / "best.pth"
    for background in (None, 2):
        save_handover(segmentation_handover(net(num_classes=3), SegmentationRecord(NAMES, {}, background)), path)
        model = load_model(path)
        assert model.background == background
        assert model.predict(np.zeros((9, 7, 3), np.uint8)).background == background
    assert load_handover(path, kind="segmentation").task.background == 2
    assert from_dict(SegmentationRecord, {"names": ["a", "b"]}, source=path).background == 0
    with pytest.raises(UserError, match="its background is none of its classes"):
        from_dict(SegmentationRecord, {"names": ["a", "b"], "background": 2}, source=path)


@pytest.mark.parametrize(("classes", "one_logit", "background"), [(3, False, 1), (2, True, 0), (2, True, 1)])
def test_a_foreground_head_starts_the_classifier_off_whichever_class_is_the_background(classes, one_logit, background):
    model = net(num_classes=classes, one_logit=one_logit).eval()
    torch.manual_seed(1)
    head = model.decoder.head(1)
    image = torch.rand(2, 3, 32, 32)
    model.initialise_from_foreground(head.state_dict(), background)
    with torch.no_grad():
        foreground = head(model.decoder(model.encoder(image))).sigmoid()[:, 0]
        torch.testing.assert_close(1 - model(image).softmax(1)[:, background], foreground)


def test_images_are_drawn_and_named_by_the_classes_that_are_foreground():
    pets = synthetic_pets(20, 32, seed=0)
    every = replace(pets, background=None)
    assert (pets.foreground, every.foreground) == ([1, 2], [0, 1, 2])
    np.testing.assert_array_equal(image_classes(every), every.class_pixels.argmax(1))
    assert sampling_weights(every.foreground_pixels).sum() == pytest.approx(1)
    assert every.take(np.arange(3)).background is None


def test_pictures_of_many_classes_have_columns_of_those_with_most_pixels():
    model, names = net(num_classes=11).eval(), tuple(f"class {k}" for k in range(11))
    pack = replace(synthetic_pets(20, 64, seed=0), background=None).take(np.arange(2))
    device = torch.device("cpu")
    sheet = sample_grid(model, pack, [0, 1], names, device=device)
    assert sheet.shape[1] == (4 + SHOWN) * (160 + 4)
    maps = activation_grid(model, pack, [0, 1], names, device=device)
    assert maps.shape[1] == (1 + 2 * SHOWN) * (160 + 4)


def test_names_of_many_classes_do_not_overlap_in_a_figure():
    names = tuple(f"class number {k}" for k in range(20))
    figure = confusion_figure(Scores(np.ones((2, 20, 20), dtype=np.int64), names))
    figure.draw_without_rendering()
    turned = figure.axes[0].get_xticklabels()
    assert all(0 < words.get_rotation() <= 90 for words in turned)
    boxes = [words.get_window_extent() for words in figure.axes[0].get_yticklabels()]
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))


def test_a_confusion_matrix_of_many_classes_stays_small_and_has_no_numbers():
    figures = [confusion_figure(Scores(np.ones((2, n, n), dtype=np.int64), tuple(map(str, range(n))))) for n in (9, 99)]
    assert [len(figure.axes[0].texts) for figure in figures] == [81, 0]
    assert figures[1].get_size_inches().max() < 30


def test_classes_that_are_never_predicted_are_one_warning():
    counts = np.zeros((9, 3, 3), dtype=np.int64)
    counts[..., 0] = 5
    assert score_warnings(Scores(counts, NAMES)) == ["never predicted: road, car"]


def test_a_network_that_is_worse_than_a_constant_guess_is_a_warning():
    wrong = np.tile([[2, 7], [1, 0]], (9, 1, 1))
    assert score_warnings(Scores(wrong, NAMES[:2])) == [f"worse than guessing {NAMES[0]} for every pixel"]
    assert score_warnings(Scores(wrong[..., ::-1].copy(), NAMES[:2])) == []


@pytest.mark.parametrize(
    ("right", "said"),
    [((4, 4), ": every class has 1.000."), ((4, 0), "; sky is the only class in the images.")],
)
def test_the_verdict_on_a_network_that_is_right_everywhere_names_no_class_that_is_not_alone(right, said):
    scores = Scores(np.tile(np.diag(right), (9, 1, 1)), NAMES[:2])
    assert verdict(main_figures(scores)["mean IoU"], scores, "test").endswith(f"(95 % interval 1.000 to 1.000){said}")
