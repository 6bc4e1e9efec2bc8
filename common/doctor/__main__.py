"""`python -m common.doctor --data_dir IMAGES_AND_MASKS`: all that is wrong with a data set, in one go."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from common.doctor.config import DoctorConfig
from common.doctor.door import enter


@command(less_memory="lower --num_workers", stopped="the data are as they were, start it again")
def main(argv: Sequence[str]) -> int:
    """Look at every file, and tell what was found; the exit code says how bad it is."""
    return enter(load_config(DoctorConfig, argv, prog="python -m common.doctor"))


if __name__ == "__main__":
    sys.exit(main())
