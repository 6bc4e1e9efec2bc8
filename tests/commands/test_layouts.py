"""A data set in each layout trains, is evaluated and is predicted."""

import csv

import pytest
from datasets import write_oxford, write_train_val_test
from made_layouts import MADE, Made
from run_checks import metrics
from tiny import THIN, TINY

from pretrain.main import main as pretrain
from transfer.evaluate.__main__ import main as evaluate
from transfer.main import main as transfer
from transfer.predict.__main__ import main as predict

COUNT = 12
OTHERS = {
    "Oxford": Made(lambda root, _: write_oxford(root, 40, 8), "oxford-iiit-pet"),
    "Train/resized": Made(lambda root, _: write_train_val_test(root), "train-val-test"),
}
"""Those that `datasets` writes, of other sizes."""


@pytest.mark.slow
@pytest.mark.parametrize("made", [*MADE.values(), *OTHERS.values()], ids=[*MADE, *OTHERS])
def test_a_data_set_in_each_layout_trains_is_evaluated_and_is_predicted(tmp_path, made):
    made.write(tmp_path / "data", COUNT)
    data = ["--data_dir", "data", *(word for name, value in made.flags.items() for word in (f"--{name}", value))]
    assert transfer([*THIN, *data, "--updates", "4", "--output_dir", "seg"]) == 0
    assert evaluate(["--model_path", "seg", "--split", "val", "--no_report", "--output_dir", "scores"]) == 0
    assert 0 <= metrics(tmp_path / "scores")["val"]["mean_iou"] <= 1
    assert predict(["--model_path", "seg", "--input", "data", "--output", "out", "--device", "cpu"]) == 0
    with (tmp_path / "out/predictions.csv").open() as file:
        assert len(list(csv.DictReader(file))) >= COUNT
    assert pretrain([*TINY, *data, "--updates", "2", "--perceptual_weight", "0", "--output_dir", "ae"]) == 0
