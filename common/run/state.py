"""The training state that a run resumes from: last.pth, and those before it."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from common.errors import DivergedError, UserError, abbreviate
from common.run.history import History
from common.run.plain_data import from_dict
from common.say import note
from common.tensor_files import load_tensors, save_atomically
from common.tensors import bytes_of

State = Mapping[str, Any]
"""Every object with a `state_dict` that training changes, by name."""


class TrainingStates:
    """last.pth of a run's folder and, as last-1.pth, last-2.pth and so on, those that it replaced."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self.paths = [folder / "last.pth", *(folder / f"last-{number}.pth" for number in range(1, keep))]

    def save(self, history: History, state: State) -> None:
        """Write the complete state of a run after an epoch; the newest of the older ones stay."""
        content = {"state": {name: part.state_dict() for name, part in state.items()}, "progress": asdict(history)}
        save_atomically({**content, "digest": digest(content)}, self.paths[0], before=self._make_way)

    def load(self, into: State) -> History:
        """Load the newest state that can be read into the objects of `into`; return the epochs until then.

        A damaged one is named on stderr. Raises UserError where none can be read, and where they fit other objects.
        """
        damaged = []
        for path in self._there():
            try:
                content = _read(path)
            except UserError as error:
                damaged.append(str(error))
                continue
            history = from_dict(History, content["progress"], source=path)
            _restore(into, content["state"], path)
            if damaged:
                note(f"{'; '.join(damaged)}; goes on from epoch {history.epoch} ({path.name})")
            return history
        if damaged:
            raise UserError(f"{'; '.join(damaged)}: {self._advice()}")
        return History()

    def _there(self) -> list[Path]:
        """The states of the folder, newest first, those of a larger --keep_checkpoints too."""
        older = sorted(self.folder.glob("last-*.pth"), key=lambda path: (len(path.name), path.name))
        return [path for path in (self.paths[0], *older) if path.exists()]

    def _make_way(self) -> None:
        for older, newer in zip(self.paths[:0:-1], self.paths[-2::-1], strict=True):
            if newer.exists():
                newer.replace(older)

    def _advice(self) -> str:
        networks = [path.name for path in sorted(self.folder.glob("*.pth")) if not path.name.startswith("last")]
        whole = f"the networks in {abbreviate(networks)} can still be used, " if networks else ""
        return f"{whole}but training can only begin again, with --overwrite or another --output_dir"


def refuse_nonfinite(state: State) -> None:
    """Raise DivergedError, naming the tensor, where a number is not finite, so that no file takes it up."""
    for part, owner in state.items():
        for name, value in _leaves(owner.state_dict()):
            if isinstance(value, Tensor) and value.is_floating_point() and not bool(value.isfinite().all()):
                raise DivergedError(f"{part}{name} is not finite")


def digest(content: Any) -> str:
    """SHA-256 of the numbers, texts and tensors of nested dictionaries and lists, with their names and types."""
    sha = hashlib.sha256()
    for name, value in _leaves(content):
        if isinstance(value, Tensor):
            sha.update(f"{name}:{value.dtype}{tuple(value.shape)}".encode())
            sha.update(bytes_of(value))
        else:
            sha.update(f"{name}:{value!r}".encode())
    return sha.hexdigest()


def _leaves(content: Any) -> Iterator[tuple[str, Any]]:
    """All that is no dictionary, list or tuple, in its order, with its path."""
    waiting = [("", content)]
    while waiting:
        name, value = waiting.pop()
        match value:
            case Mapping():
                inside = list(value.items())
            case list() | tuple():
                inside = list(enumerate(value))
            case _:
                yield name, value
                continue
        waiting += [(f"{name}.{key}", part) for key, part in reversed(inside)]


def _read(path: Path) -> dict[str, Any]:
    content = load_tensors(path)
    if not isinstance(content, dict) or not isinstance(content.get("state"), dict) or "progress" not in content:
        raise UserError(f"{path} is not the training state of a run")
    if content.pop("digest", None) not in (None, digest(content)):  # None: written before there were digests
        raise UserError(f"{path} was changed or damaged after it was written")
    return content


def _restore(into: State, state: Mapping[str, Any], path: Path) -> None:
    try:
        for name, part in into.items():
            part.load_state_dict(state[name])
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        reason = str(error).strip().split("\n")[0][:120]
        raise UserError(
            f"{path} does not fit this version of the program ({reason}): train again in another --output_dir"
        ) from None
