"""`python -m common.doctor --data_dir IMAGES_AND_MASKS`: all that is wrong with a data set, in one go."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext

from common.cli import command
from common.config.load import load_config
from common.doctor.config import DoctorConfig
from common.run.hold import hold


@command(less_memory="lower --num_workers", stopped="the data are as they were, start it again")
def main(argv: Sequence[str]) -> int:
    """Look at every file, and tell what was found; the exit code says how bad it is."""
    config = load_config(DoctorConfig, argv, prog="python -m common.doctor")

    from common.doctor.examination import examine  # now: --help needs no decoders

    folder = config.doctor.output_dir
    with nullcontext() if folder is None else hold(folder):
        return examine(config)


if __name__ == "__main__":
    sys.exit(main())
