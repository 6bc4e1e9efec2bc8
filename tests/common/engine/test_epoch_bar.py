"""What a user sees of long work."""

import pytest
import torch

from common.data.batches import each_image
from common.data.synthetic.pets import synthetic_pets
from common.engine.epoch_bar import EpochBar, epoch_line
from common.terminal import CONSOLE, spinner

CPU = torch.device("cpu")


def pretend_a_terminal(monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(CONSOLE, "is_interactive", True)
    monkeypatch.setenv("TERM", "xterm")  # a dumb one gets no bars


def test_every_image_comes_once_in_file_order_under_a_bar_that_counts_them(monkeypatch, capsys):
    pretend_a_terminal(monkeypatch)
    batches = each_image(synthetic_pets(7, 64, seed=0), batch_size=3, device=CPU, doing="scoring")
    assert torch.cat([batch.index for batch in batches]).tolist() == list(range(7))
    assert "scoring images" in capsys.readouterr().err
    with spinner("t-SNE of 7 points"):
        pass
    assert "t-SNE of 7 points" in capsys.readouterr().err


def test_where_no_terminal_is_watched_or_nothing_is_said_of_the_work_there_is_no_bar(monkeypatch, capsys):
    pack = synthetic_pets(7, 64, seed=0)
    assert len(list(each_image(pack, batch_size=3, device=CPU, doing="scoring"))) == 2
    with spinner("t-SNE of 7 points"):
        pass
    pretend_a_terminal(monkeypatch)
    assert len(list(each_image(pack, batch_size=3, device=CPU))) == 2
    said = capsys.readouterr()
    assert not said.out + said.err


@pytest.mark.parametrize(
    ("patience", "best", "done", "said"),
    [(0, 1, 4, "2:40"), (5, 3, 4, "0:40 to 2:40"), (5, 0, 4, "0:10 to 2:40"), (90, 3, 4, "2:40"), (5, 3, 20, "0:00")],
)
def test_the_time_that_is_left_knows_the_patience(patience, best, done, said, monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr("common.engine.epoch_bar.time.monotonic", lambda: now[0])
    bar = EpochBar(epochs=20, patience=patience, best_epoch=best)
    now[0] += 10 * done
    bar.end(done, {}, better=False)
    assert capsys.readouterr().err == f"epoch {done}/20  {said} left\n"


def test_the_line_of_an_epoch_fits_a_terminal_of_80_letters():
    row = {"train/loss": 0.67612, "val/loss": 0.47761, "val/mean_iou": 0.49951, "val/iou_cat": 0.999}
    line = epoch_line("epoch 1/200", row, "1:02:03 left *")
    assert line == "epoch 1/200  loss 0.676  val 0.478  mean IoU 0.5  cat 0.999  1:02:03 left *"
    many = row | {f"val/iou_class_{number}": number / 40 for number in range(40)}
    line = epoch_line("epoch 199/200", many, "1:02:03 left *")
    assert len(line) <= 80
    assert line.endswith("...  1:02:03 left *")
    assert "mean IoU" in line


def test_a_value_that_is_too_long_for_the_line_of_an_epoch_leaves_room_for_the_next():
    row = {
        "train/loss": 1.92,
        "val/loss": 2.28,
        "val/mean_iou": 0.0648,
        "val/iou_background": 0.0578,
        "val/iou_cat": 0.112,
    }
    line = epoch_line("epoch 1/2", row, "0:04 left *")
    assert line == "epoch 1/2  loss 1.92  val 2.28  mean IoU 0.0648  cat 0.112  ...  0:04 left *"
