"""`python -m common.doctor --data_dir IMAGES_AND_MASKS`: all that is wrong with a data set, in one go."""

import json
import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from common.doctor.config import DoctorConfig
from common.say import say


@command(less_memory="lower --num_workers", stopped="the data are as they were, start it again")
def main(argv: Sequence[str]) -> int:
    """Look at every file, and tell what was found; the exit code says how bad it is."""
    config = load_config(DoctorConfig, argv, prog="python -m common.doctor")

    from common.doctor.checks.registry import findings_of  # now: --help needs no decoders
    from common.doctor.evidence import gather
    from common.doctor.finding import exit_code
    from common.doctor.told import as_json, lines

    evidence = gather(config)
    findings = findings_of(evidence)
    if config.doctor.json:
        print(json.dumps(as_json(evidence, findings), indent=2))
    else:
        say(*lines(evidence, findings))
    return exit_code(findings)


if __name__ == "__main__":
    sys.exit(main())
