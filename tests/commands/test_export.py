"""`transfer.export`: files of other programs, which compute what the network does."""

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from huggingface_hub import ModelCard
from run_checks import refusal
from segmenters import write_segmenter
from tiny import SYNTHETIC

from common.errors import UserError
from common.run.checkpoint import load_handover, save_handover
from common.run.input import Input
from transfer.export.__main__ import main as export
from transfer.export.card import write_card
from transfer.export.comparison import Comparison
from transfer.export.config import ExportOptions
from transfer.export.export import Export
from transfer.export.images import data_of
from transfer.export.int8 import Cost
from transfer.main import main as transfer
from transfer.segmenter import load_model

TINY = ["--image_size", "64", "--widths", "4", "6", "--decoder_widths", "4", "--batch_size", "8", "--device", "cpu"]
FORMATS = ("onnx", "torch_export", "torchscript")


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A trained network of two levels, whose sides are even and at least 4."""
    folder = tmp_path_factory.mktemp("run") / "seg"
    assert transfer([*TINY, *SYNTHETIC, "--epochs", "1", "--no_report", "--output_dir", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def files(run):
    """The folder of its files in each format."""
    assert export(["--model_path", str(run), "--format", *FORMATS, "--int8"]) == 0
    return run / "export"


def photographs(*, height=14, width=22, count=3):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def runners(folder: Path):
    """Each file run by its own library alone, as its users do."""
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    program = torch.export.load(folder / "model.pt2").module()
    script = torch.jit.load(folder / "model.torchscript.pt")
    return {
        "onnx": lambda image: session.run(["logits", "probabilities"], {"image": image}),
        "torch_export": lambda image: [output.numpy() for output in program(torch.from_numpy(image))],
        "torchscript": lambda image: [output.numpy() for output in script(torch.from_numpy(image))],
    }


@pytest.mark.filterwarnings("ignore:.*torch.jit.load. is deprecated")
def test_each_file_takes_bytes_of_any_batch_and_size_and_gives_the_networks_logits_and_probabilities(run, files):
    net = load_model(run, "cpu").net
    for name, runner in runners(files).items():
        for size in ((3, 14, 22), (1, 64, 64), (2, 4, 130)):
            images = photographs(count=size[0], height=size[1], width=size[2])
            logits, probabilities = runner(images)
            with torch.no_grad():
                ours = net(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
            np.testing.assert_allclose(logits, ours.numpy(), atol=1e-4, err_msg=name)
            np.testing.assert_allclose(probabilities, ours.softmax(1).numpy(), atol=1e-4, err_msg=name)


def test_an_onnx_file_says_what_its_classes_are_and_how_an_image_becomes_its_input(run, files):
    session = onnxruntime.InferenceSession(files / "model.onnx")
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"]) == ["background", "cat", "dog"]
    assert json.loads(told["palette"]) == ["#000000", "#e69f00", "#56b4e9"]
    assert "uint8, batch x height x width x 3 (RGB), sides multiples of 2 from 4 on" in told["usage"]
    assert "Squash an image to 64 x 64 pixels" in told["usage"]
    assert session.get_inputs()[0].shape == ["batch", "height", "width", 3]
    assert session.get_outputs()[0].shape == ["batch", 3, "height", "width"]
    record = json.loads(told["recon2seg"])
    assert record["input"]["image_size"] == 64
    assert (record["stride"], record["least"], record["task"]["temperature"]) == (2, 4, 1.0)


def test_the_sentence_in_the_file_is_all_that_another_program_needs(run, files):
    model, image = load_model(run, "cpu"), photographs(count=1, height=90, width=70)[0]
    session = onnxruntime.InferenceSession(files / "model.onnx")
    small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
    logits = session.run(["logits"], {"image": small[None]})[0][0]
    large = cv2.resize(logits.transpose(1, 2, 0), (70, 90), interpolation=cv2.INTER_LINEAR)
    assert (large.argmax(2) == model.predict(image).mask).mean() > 0.9999


def test_the_8_bit_file_is_smaller_says_the_same_of_itself_and_is_near_the_network(run, files):
    sessions = [onnxruntime.InferenceSession(files / name) for name in ("model.onnx", "model.int8.onnx")]
    one, other = (session.get_modelmeta().custom_metadata_map for session in sessions)
    assert all(other[name] == one[name] for name in ("recon2seg", "classes", "palette", "usage"))
    weights = onnx.load(files / "model.int8.onnx").graph.initializer
    kept = [one for one in weights if len(one.dims) == 4]
    assert kept
    assert {one.data_type for one in kept} == {onnx.TensorProto.INT8}
    assert all(np.abs(onnx.numpy_helper.to_array(one).astype(int)).max() <= 64 for one in kept)
    image = photographs(height=64, width=64)
    logits, near = (session.run(["logits"], {"image": image})[0] for session in sessions)
    assert 0 < np.abs(near - logits).mean() < 0.1 * np.abs(logits).mean()


def test_the_cost_of_8_bits_is_the_difference_of_the_iou_and_a_high_one_is_warned_of(run):
    data = data_of(load_model(run, "cpu"), ExportOptions(model_path=run))[1].train
    right = {image.tobytes(): mask for image, mask in zip(data.images, data.masks, strict=True)}

    def perfect(images):
        masks = np.stack([right[image.tobytes()] for image in images])
        return np.stack([masks == index for index in range(3)], axis=1).astype(np.float32)

    same = Cost.of(perfect, perfect, data, ("a", "b", "c"))
    worse = Cost.of(perfect, lambda images: -perfect(images), data, ("a", "b", "c"))
    assert (same.change.value, same.warnings) == (0, [])
    assert same.before.mean_iou == 1
    assert worse.change.value < -0.5
    assert worse.warnings[0].startswith("8 bits cost ")
    assert "in float32 (-" in worse.told


def test_the_table_has_each_file_with_its_size_and_what_differs(run, tmp_path, capsys):
    assert export(["--model_path", str(run), "--format", "torchscript", "--check_images", "2", "--output", "new"]) == 0
    head, ours, theirs, told, where, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["format", "file", "MiB", "ms/image", "logits", "differ", "pixels"]
    assert ours.split()[:2] == ["PyTorch", "best.pth"]
    assert theirs.split()[:2] == ["torchscript", "model.torchscript.pt"]
    assert float(theirs.split()[4]) <= 1e-4
    assert told.startswith("compared on 1 validation image of embedded synthetic pets, on one thread; tolerance 0.0001")
    assert where == "files: new"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["model.torchscript.pt"]


def test_logits_that_differ_by_more_than_the_tolerance_are_refused():
    def scores(by):
        return lambda images: np.moveaxis(images, 3, 1).astype(np.float32) / 128 + by * np.eye(3, dtype=np.float32)[0]

    images = [image[None] for image in photographs(height=8, width=3)]
    files = {"near": scores(1e-5), "far": scores(1e-3)}
    comparison = Comparison(scores(0), scores(0), files)
    comparison.look(images, photographs(height=6, width=3, count=2))
    comparison.refuse_other("near")
    with pytest.raises(UserError, match=r"far computes something else than PyTorch.*by 0.001"):
        comparison.refuse_other("far")
    assert comparison.figures["far"].pixels == 3 * 8 * 3 + 2 * 6 * 3
    assert comparison.tolerance == pytest.approx(1e-4 * 255 / 128)


def test_logits_that_are_no_numbers_are_refused_though_the_classes_are_the_same():
    def first(value):
        return lambda images: np.full((len(images), 3, *images.shape[1:3]), [[[value]], [[0]], [[0]]], np.float32)

    images = [image[None] for image in photographs()]
    comparison = Comparison(first(1), first(1), {"nan": first(np.nan)})
    comparison.look(images, photographs(count=2))
    assert comparison.figures["nan"].differ == 0
    with pytest.raises(UserError, match="logits differ by nan"):
        comparison.refuse_other("nan")


def test_an_export_says_which_values_of_deep_images_its_input_has(run):
    record = Export(ExportOptions(model_path=run)).record
    assert "more than 8 bits" not in record.usage
    deep = replace(record, input=replace(record.input, depth=(0.0, 4095.0)))
    assert "normalises. Of more than 8 bits, values from 0 to 4095 become 0 to 255. Squash an image" in deep.usage


def test_the_folder_for_the_hub_loads_and_its_card_has_figures_with_intervals_and_what_taught_it(run, tmp_path):
    words = ["--model_path", str(run), "--format", "hub", "--output", "card", "--licence", "mit", "--check_images", "2"]
    assert export(words) == 0
    card = ModelCard.load(tmp_path / "card/README.md")
    assert (card.data.license, card.data.library_name, card.data.pipeline_tag) == (
        "mit",
        "recon2seg",
        "image-segmentation",
    )
    iou, *_ = card.data.eval_results
    told = json.loads((run / "metrics.json").read_text())["test"]["mean_iou"]
    assert (iou.metric_type, iou.metric_value) == ("mean_iou", pytest.approx(told, abs=1e-4))
    assert re.search(rf"\| mean IoU \| {told:.3f} \| \d\.\d+ to \d\.\d+ \|", card.content)
    assert "Labels beside its own masks: none. These weights are published under `mit`" in card.content
    for title in ("Use", "Data", "Figures", "Intended use", "Limits", "What taught it, and licences"):
        assert f"\n## {title}\n" in card.content
    image = photographs(count=1)[0]
    assert np.array_equal(load_model(tmp_path / "card").predict(image).mask, load_model(run).predict(image).mask)
    assert json.loads((tmp_path / "card/config.json").read_text())["task"]["names"] == ["background", "cat", "dog"]


def test_a_hub_that_does_not_answer_leaves_the_folder_and_a_sentence(run, tmp_path, capsys, hub):
    words = ["--model_path", str(run), "--format", "hub", "--output", "card", "--check_images", "1"]
    assert export([*words, "--push_to_hub", "me/pets"]) == 2
    assert "the files are in card, but --push_to_hub me/pets failed" in capsys.readouterr().err
    assert 'hf_hub_download("me/pets", "model.safetensors")' in (tmp_path / "card/README.md").read_text()


def test_bad_input_is_refused_in_one_sentence(run, files, tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("x")
    model = ["--model_path", run]
    cases = [
        ([], "--model_path is missing"),
        (["--model_path", "nowhere"], "nowhere"),
        (["--model_path", "file"], "is not a checkpoint"),
        (model, "model.onnx exists: give another --output, or --overwrite to replace it"),
        ([*model, "--format", "tflite"], "onnx, torch_export, torchscript"),
        ([*model, "--format", "onnx", "onnx", "--output", "new"], "--format takes at least one word, each file once"),
        ([*model, "--format", "hub", "safetensors", "--output", "new"], "--format takes at least one word"),
        ([*model, "--format", "torchscript", "--int8", "--output", "new"], "--int8 is made of the ONNX file"),
        ([*model, "--push_to_hub", "me/pets", "--output", "new"], "--push_to_hub me/pets uploads a model card"),
        ([*model, "--format", "torchscript", "--opset", 17, "--output", "new"], "--opset 17 is ONNX's"),
        ([*model, "--opset", 9, "--output", "new"], "--opset 9 lacks operators of this network: take --opset 18"),
        ([*model, "--opset", 99, "--output", "new"], "--opset 99: the installed onnx knows versions up to"),
        ([*model, "--output", "file/new"], "file"),
        ([*model, "--output", "/proc/new"], "cannot write to /proc/new"),
        ([*model, "--data_dir", "nowhere", "--output", "new"], "nowhere"),
    ]
    for words, sentence in cases:
        assert sentence in refusal(export, words, capsys), words
    monkeypatch.setattr("transfer.export.config.find_spec", lambda _: None)
    needs = "--format onnx needs onnx, onnxscript, onnxruntime: pip install onnx onnxscript onnxruntime"
    assert needs in refusal(export, [*model, "--output", "new"], capsys)


def test_the_card_of_a_network_of_crops_says_what_it_never_saw(tmp_path):
    file = write_segmenter(tmp_path / "best.pth")
    save_handover(replace(load_handover(file, kind="segmentation"), input=Input(64, fit="crop")), file)
    (tmp_path / "card").mkdir()
    write_card(load_model(file, "cpu"), ExportOptions(model_path=file, output=tmp_path / "card"))
    said = (tmp_path / "card/README.md").read_text("utf-8")
    assert "It saw crops of 64 x 64 pixels (`--fit crop`): no object larger than that was ever whole" in said
    assert "vanishes" not in said


def test_the_card_of_another_epoch_has_no_figures_of_the_best_one(tmp_path):
    np.savez(tmp_path / "test_images.npz", keys=["a"], digests=["b"], confusions=np.full((1, 3, 3), 2))
    (tmp_path / "metrics.json").write_text('{"warnings": ["class dog is never predicted"]}')
    for name, known in (("best.pth", True), ("epoch_0010.pth", False)):
        file = write_segmenter(tmp_path / name)
        (tmp_path / "card").mkdir(exist_ok=True)
        write_card(load_model(file, "cpu"), ExportOptions(model_path=file, output=tmp_path / "card"))
        said = (tmp_path / "card/README.md").read_text("utf-8")
        assert ("| mean IoU | 0.200 |" in said) == ("class dog is never predicted" in said) == known
        assert ("Not at hand when this card was written" in said) != known
