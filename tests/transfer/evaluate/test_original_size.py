"""Scores at the size that images came in, against a loop with scikit-learn and torch."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import disc, write_tree
from sklearn.metrics import jaccard_score
from tiny import SYNTHETIC, TINY
from torch.nn import functional as F

from common.data.fitting import resize_image
from transfer.evaluate.__main__ import main as evaluate
from transfer.main import main as transfer
from transfer.segmenter import load_model


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pairs = {f"{index:02}": disc(index) for index in range(20)}
    images = {f"images/{name}.png": image for name, (image, _) in pairs.items()}
    write_tree(tmp_path / "data", images | {f"masks/{name}.png": mask for name, (_, mask) in pairs.items()})
    words = [*TINY, "--data_dir", "data", "--classes", "disc.yaml", "--epochs", "8", "--lr", "0.01"]
    Path("disc.yaml").write_text("names: [background, disc]\nvalues: {0: 0, 1: 1, 255: ignore}\n")
    assert transfer([*words, "--output_dir", "run"]) == 0
    return tmp_path / "run"


def test_masks_are_scored_as_they_came_and_images_count_alike(run, capsys):
    assert evaluate(["--model_path", str(run), "--original_size", "--no_report"]) == 0
    told = json.loads((run / "evaluation-test" / "metrics.json").read_text())
    net = load_model(run, "cpu").net
    keys = np.load(run / "test_images.npz")["keys"].tolist()
    assert len(keys) > 1
    ious = []
    for key in keys:
        image, mask = disc(int(key))
        pixels = torch.from_numpy(resize_image(image, 64)).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            logits = net(pixels)
        guess = F.interpolate(logits, mask.shape, mode="bilinear", align_corners=False)[0].argmax(0).numpy()
        ious.append(jaccard_score(mask[mask < 2], guess[mask < 2]))
    assert np.mean(ious) > 0
    assert told["test_original_size"]["image_mean"]["per_class"]["disc"]["iou"] == pytest.approx(
        np.mean(ious), abs=1e-6
    )
    assert told["test"] != told["test_original_size"]
    assert f"as challenges have it: IoU of disc {np.mean(ious):.4f}, Dice 0." in capsys.readouterr().out
    words = ["--original_size", "--no_report", "--tile", "64", "--overlap", "16", "--output_dir", "tiles"]
    assert evaluate(["--model_path", str(run), *words]) == 0
    tiles = json.loads(Path("tiles/metrics.json").read_text())
    model = load_model(run, "cpu", tile=64, overlap=16)
    guesses = [(model.predict(disc(int(key))[0]).mask, disc(int(key))[1]) for key in keys]
    ious = [jaccard_score(mask[mask < 2], guess[mask < 2]) for guess, mask in guesses]
    assert tiles["test"] == told["test"]
    assert tiles["test_original_size"] != told["test_original_size"]
    assert tiles["test_original_size"]["image_mean"]["per_class"]["disc"]["iou"] == pytest.approx(
        np.mean(ious), abs=1e-6
    )


def test_embedded_pets_have_no_other_size(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert transfer([*TINY, *SYNTHETIC, "--epochs", "1", "--output_dir", "run"]) == 0
    assert evaluate(["--model_path", "run", "--original_size"]) == 2
    assert "--original_size" in capsys.readouterr().err
    assert evaluate(["--model_path", "run", "--tile", "64"]) == 2
    assert "--tile and --overlap are for scores at the images' own size" in capsys.readouterr().err
    assert evaluate(["--model_path", "run", "--original_size", "--tile", "70"]) == 2
    assert "--tile 70: this network takes sides that are multiples of 32" in capsys.readouterr().err
