"""Sessions of onnxruntime. Imports no torch."""

from pathlib import Path
from typing import Any

from common.errors import UserError

INSTALL = "pip install onnxruntime"


def open_session(path: Path, *, threads: int = 0) -> Any:
    """A session of onnxruntime on the CPU with so many threads, 0 for one per core.

    Raises UserError where the library is missing, and for a file that is missing or that it can't run.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}: check --model_path")
    try:
        import onnxruntime
    except ImportError:
        raise UserError(f"{path} is run by onnxruntime, which is not installed: {INSTALL}") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  the library raises classes of its own without a common one
        reason = " ".join(str(error).split())
        raise UserError(f"{path} cannot be run by onnxruntime {onnxruntime.__version__} ({reason[:200]})") from None
