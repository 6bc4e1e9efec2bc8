"""Whether a folder stays what it was."""

import hashlib
from pathlib import Path


def digests(root: Path) -> dict[str, str]:
    """Of every file below a folder, by its path there."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
