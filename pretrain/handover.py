"""What phase 1 hands over, as a file that explains itself."""

from collections.abc import Sequence
from pathlib import Path

from common.config.load import flatten
from common.data.load import Splits
from common.rows import Row
from common.run.checkpoint import AutoencoderHandover, load_handover, save_handover
from common.run.environment import environment
from common.run.input import Input
from common.run.records import PretrainingRecord, Provenance
from common.say import say
from pretrain.config import PretrainConfig
from pretrain.export import export_encoder
from pretrain.model import Autoencoder


def handover_of(
    model: Autoencoder,
    config: PretrainConfig,
    data: Splits,
    row: Row,
    *,
    task: PretrainingRecord,
    seen_before: Sequence[str],
) -> AutoencoderHandover:
    """The file of an autoencoder that was trained on the data.

    `row` is that of its epoch in metrics.csv, `task` what it was taught; `seen_before` are the digests of the images
    that its beginning and its teacher were trained on.
    """
    shape = Input(config.data.image_size, config.data.channels, depth=data.depth, **data.fitting.settings)
    return AutoencoderHandover(
        architecture=model.architecture(),
        sections=model.sections(),
        input=shape,
        task=task,
        provenance=Provenance(
            config=flatten(config),
            environment=environment(),
            validation=row,
            train_images=tuple(dict.fromkeys([*data.train.digests, *seen_before])),
        ),
    )


def write_copies(run: Path, config: PretrainConfig, *, missing: bool = False) -> None:
    """Write the best epoch of a run as ae.pth, in its folder and where the user works, and its encoder alone.

    `missing`: those alone that are not there.
    """
    best, alone = load_handover(run / "best.pth", kind="autoencoder"), config.handover.export_encoder
    wanted = [path for path in (run / "ae.pth", config.second_copy) if path and not (missing and path.exists())]
    for path in wanted:
        replaced = " (replaced the one that was there)" if path.exists() else ""
        save_handover(best, path)
        say(f"encoder: {path}{replaced}")
    if alone is not None and not (missing and alone.exists()):
        export_encoder(best, alone)
