"""Writing files that other processes may be reading."""

import os
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Write text under a temporary name, then rename: whoever reads finds all of it, or what was there before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
