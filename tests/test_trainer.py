"""The contestant of the speed benchmark that trains with Lightning, where that is installed."""

import pytest
from datasets import write_images_masks

from benchmarks.plain import Pictures


def test_each_turn_by_lightning_trains_on_by_as_many_updates(tmp_path):
    pytest.importorskip("lightning")
    from benchmarks.trainer import Segmentation, lightning_turn

    seen = []
    images = sorted((write_images_masks(tmp_path, 8) / "images").iterdir())
    with pytest.MonkeyPatch.context() as patch:
        step = Segmentation.training_step
        patch.setattr(Segmentation, "training_step", lambda *given: (seen.append(len(given[1][0])), step(*given))[1])
        turn = lightning_turn(Pictures(images, 64, masks=True), 2, 3)
        assert [turn(), turn()] == [6, 6]
    assert seen == [2] * 6
