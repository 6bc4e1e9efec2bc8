"""What to do after a command: the next one, fit for copying."""

import shlex
from typing import Any


def command_line(module: str, *places: Any, **flags: Any) -> str:
    """Return `python -m MODULE PLACE ... --FLAG VALUE ...`.

    A list is several values, an empty one none; a flag that is None is left out.
    """
    words = ["python", "-m", module, *map(str, places)]
    for name, value in flags.items():
        if value is not None:
            words += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    return shlex.join(words)
