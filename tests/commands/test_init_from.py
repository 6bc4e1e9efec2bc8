"""`transfer.main --init_from`: a trained segmentation network is trained further."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from datasets import photo, square_mask, write_images_masks, write_tree
from run_checks import metrics, power_cut, refusal, same, weights
from tiny import TINY, TRANSFER

from common.config.load import load_config
from common.run.checkpoint import load_handover
from common.run.notes import external_labels
from transfer import load_model
from transfer.build import build_network
from transfer.compare.__main__ import main as compare
from transfer.config import TransferConfig
from transfer.evaluate.__main__ import main as evaluate
from transfer.main import main as transfer
from transfer.receipt import read_receipt
from transfer.study.__main__ import main as study

TWO = "names: [ground, pet]\nvalues: {0: 0, 255: 1}\nbackground: ground\n"
THREE = "names: [ground, leaf, pet]\nvalues: {0: 0, 7: 1, 255: 2}\nbackground: ground\n"
FURTHER = [*TINY, "--epochs", "2"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where a trained run and its data lie."""
    place = tmp_path_factory.mktemp("earlier")
    write_images_masks(place / "data", 30)
    (place / "two.yaml").write_text(TWO)
    flags = ["--data_dir", place / "data", "--classes", place / "two.yaml", "--output_dir", place / "run"]
    assert transfer([*TRANSFER, *map(str, flags)]) == 0
    return place


def further(place: Path, *flags: str | Path, folder: str = "further") -> Path:
    words = ["--init_from", place / "run", "--classes", place / "two.yaml", "--data_dir", place / "data"]
    assert transfer([*FURTHER, *map(str, [*words, *flags]), "--output_dir", folder]) == 0
    return Path(folder)


def begun(place: Path, names: list[str], *flags: str):
    words = ["--init_from", str(place / "run/best.pth"), "--image_size", "64", *flags]
    return build_network(load_config(TransferConfig, words, prog=""), names)


def test_the_whole_network_is_taken_over_and_the_receipt_counts_it(place):
    net, receipt, _ = begun(place, ["ground", "pet"])
    earlier = load_handover(place / "run/best.pth", kind="segmentation")
    assert all(same(part.state_dict(), earlier.sections[name]) for name, part in net.parts().items())
    assert str(receipt).startswith(f"encoder and decoder and head from {place}/run/best.pth: {receipt.tensors} of ")
    assert receipt.loaded == receipt.tensors
    assert receipt.lr_factor == 0.3
    _, receipt, _ = begun(place, ["ground", "pet"], "--image_size", "96")
    assert "best.pth, trained at 64 pixels and now at 96: " in str(receipt)


def test_classes_of_equal_names_are_kept_and_told_wherever_they_stand(place):
    net, receipt, _ = begun(place, ["leaf", "pet", "ground"])
    image, earlier = torch.rand(1, 3, 64, 64), load_model(place / "run", "cpu").net
    torch.testing.assert_close(net.eval()(image)[:, [2, 1]], earlier(image))
    assert "(classes kept pet, ground; new leaf): " in str(receipt)
    assert receipt.parts == ("encoder", "decoder")
    _, receipt, _ = begun(place, ["sky", "sea"])
    assert "(new sky, sea; left out ground, pet): " in str(receipt)


def test_masks_of_other_classes_are_trained_on(place, tmp_path, capsys):
    files = {f"images/n{i:02}.jpg": photo(900 + i) for i in range(30)}
    write_tree(tmp_path / "new", files | {f"masks/n{i:02}.png": square_mask(255 if i % 2 else 7) for i in range(30)})
    (tmp_path / "three.yaml").write_text(THREE)
    folder = further(place, "--data_dir", "new", "--classes", "three.yaml")
    assert "classes kept ground, pet; new leaf" in capsys.readouterr().out
    assert load_model(folder, "cpu").names == ("ground", "leaf", "pet")


def test_test_images_that_it_was_trained_on_before_are_a_leak(place, capsys):
    folder = further(place, "--split_seed", "1")
    told = "test images were among the images that the network was trained on before"
    leak = next(line for line in capsys.readouterr().err.splitlines() if "LEAK" in line)
    assert leak.endswith(told)
    earlier, now = (load_handover(run / "best.pth", kind="segmentation").provenance for run in (place / "run", folder))
    assert set(now.earlier_images) == set(earlier.train_images)
    receipt = read_receipt(folder / "receipt.json")
    assert receipt == now.encoder
    assert external_labels(receipt) == f"{len(earlier.train_images)} masks of an earlier run"
    assert evaluate(["--model_path", str(folder), "--no_report", "--output_dir", "again"]) == 0
    assert leak.replace("note: ", "warning: ") in capsys.readouterr().out.splitlines()


def test_a_resumed_run_equals_one_that_never_stopped(place):
    whole = further(place, folder="whole")
    with power_cut(after=1):
        further(place, folder="parts")
    assert transfer(["--resume", "--no_report", "--output_dir", "parts"]) == 0
    assert same(weights(whole), weights(Path("parts")))
    assert metrics(whole) == metrics(Path("parts"))


def test_runs_are_compared_by_what_they_began_with(place):
    further(place)
    assert compare([str(place / "run"), "further", "--output", "comparison"]) == 0
    rows = json.loads(Path("comparison/comparison.json").read_text())["runs"]
    assert [row["decoder"] for row in rows] == ["unet", "of the earlier run"]
    assert rows[1]["encoder"].endswith("run/best.pth")
    assert rows[1]["labels_elsewhere"] == "19 masks of an earlier run"


def test_settings_of_another_network_are_refused(place, ae, capsys):
    words = [*FURTHER, "--data_dir", place / "data", "--classes", place / "two.yaml", "--init_from", place / "run"]
    assert "leave --decoder deeplabv3plus out" in refusal(transfer, [*words, "--decoder", "deeplabv3plus"], capsys)
    assert "leave --norm group out" in refusal(transfer, [*words, "--norm", "group"], capsys)
    for other in (["--encoder", "resnet34"], ["--pretrained_encoder", ae], ["--like", ae]):
        assert f"leave {other[0]} out" in refusal(transfer, [*words, *other], capsys)
    assert "set --channels 3" in refusal(transfer, [*words, "--channels", "1"], capsys)
    assert "file of phase 1" in refusal(transfer, [*FURTHER, "--init_from", ae / "ae.pth"], capsys)
    assert "cannot read" in refusal(transfer, [*FURTHER, "--init_from", "nowhere.pth"], capsys)
    assert "transfer.main trains one further" in refusal(study, ["--init_from", place / "run"], capsys)


def test_its_own_folder_is_not_the_new_one(place, capsys):
    shutil.copytree(place / "run", "run")
    words = [*FURTHER, "--data_dir", place / "data", "--init_from", "run", "--output_dir", "run", "--overwrite"]
    assert "give another --output_dir" in refusal(transfer, words, capsys)
