"""`python -m transfer.analyze --data_dir IMAGES_AND_MASKS`: `common.doctor` by its old name."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from common.doctor.door import enter
from common.say import note
from transfer.analyze.config import AnalyzeConfig


@command(less_memory="lower --num_workers", stopped="the data are as they were, start it again")
def main(argv: Sequence[str]) -> int:
    """Look at every file, tell what was found, and write a page of it."""
    config = load_config(AnalyzeConfig, argv, prog="python -m transfer.analyze")
    note("transfer.analyze is now common.doctor")
    return enter(config)


if __name__ == "__main__":
    sys.exit(main())
