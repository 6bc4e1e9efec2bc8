"""What is installed as recon2seg: its version, and packages of other projects that stand in the way of its own."""

import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]


def version() -> str:
    """The name and the installed version of the project."""
    try:
        return f"recon2seg {metadata.version('recon2seg')}"
    except metadata.PackageNotFoundError:
        return "recon2seg (not installed: no version)"


def refuse_foreign(*packages: str) -> None:
    """Raise ImportError, in one sentence, where Python finds another package by the name of one of the project's.

    While `python -m` looks for its module, print the sentence and raise SystemExit(2) instead of a traceback.
    """
    for package in packages:
        found = _folder(package)
        if found != HOME / package:
            sentence = (
                f"Python finds another package called {package} ({found or 'nowhere'}) in place of recon2seg's "
                f"({HOME / package}): rename the other one, or start from another folder"
            )
            if sys.argv[:1] == ["-m"]:
                print(f"error: {sentence}", file=sys.stderr)
                raise SystemExit(2)
            raise ImportError(sentence)


def _folder(package: str) -> Path | None:
    """Where Python finds a package; a module that is no package stands for its file."""
    spec = find_spec(package)
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or [])
    return Path(places[0] if places else spec.origin or package).resolve()
