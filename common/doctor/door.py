"""What the doctor's commands do once their flags are read. Imports no decoders."""

from contextlib import nullcontext

from common.doctor.config import DoctorConfig
from common.run.hold import hold


def enter(config: DoctorConfig) -> int:
    """Hold the folder of the results, if there is one, look at the data, and return the exit code."""
    with nullcontext() if config.doctor.output_dir is None else hold(config.doctor.output_dir):
        from common.doctor.examination import examine  # now: --help needs no decoders

        return examine(config)
