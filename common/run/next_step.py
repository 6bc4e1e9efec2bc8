"""What to do after a command: the next one, fit for copying."""

import shlex
from typing import Any


def command_line(module: str, **flags: Any) -> str:
    """Return `python -m MODULE --FLAG VALUE ...`; a list is several values, and what is None is left out."""
    words = ["python", "-m", module]
    for name, value in flags.items():
        if value is not None:
            words += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    return shlex.join(words)
