"""The settings of commands that use a trained network, in either phase. Imports no torch."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from common.config.groups import DataConfig, RunConfig
from common.errors import UserError
from common.run.claim import refuse_run
from common.run.cross_validation import refuse_cross_validation
from common.run.plain_data import from_json

PIXELS = 178_956_970
"""Pillow's limit: a small file of more pixels may be meant to fill the memory."""
NETWORKS = ("best.pth", "model.safetensors")
"""The files of a network that a folder may hold."""
Pooling = Literal["last_mean", "last_mean_std", "all_mean_std"]
T = TypeVar("T", bound=DataConfig)


@dataclass(frozen=True)
class _Scored:
    """What metrics.json says of the images that were scored."""

    data: str = ""
    """Their folder, which is absolute but in files of older versions; else the name of the data set."""


@dataclass(frozen=True)
class _Evaluated:
    """What metrics.json of an evaluation says."""

    scored: _Scored = _Scored()


def network_file(model_path: Path | None) -> Path:
    """The file that --model_path means: itself, or the best.pth or the exported model.safetensors of a folder.

    Raises UserError for the folder of a cross-validation.
    """
    assert model_path is not None, "check() asks for it"
    if not model_path.is_dir():
        return model_path
    refuse_cross_validation(model_path)
    return next((model_path / name for name in NETWORKS if (model_path / name).is_file()), model_path / NETWORKS[0])


@dataclass(frozen=True)
class EvaluateOptions(ABC):
    """The trained network, the images it is scored on, and the folder of the results."""

    model_path: Path | None = None
    """best.pth of a run, or the run's folder (required); pretrain.evaluate also takes ae.pth."""
    data_dir: Path | None = None
    """Folder of the data; default the training's."""
    output_dir: Path | None = None
    """Folder of metrics.json, report.html and figures; default evaluation-<what> by the model."""
    batch_size: Annotated[int, Field(ge=0)] = 0
    """Images per batch; 0 as in training, which repeats the figures of that run exactly."""
    visualize_samples: Annotated[int, Field(ge=0)] = 8
    """Images in the figure of samples."""
    analyze_latent_space: bool = False
    """Draw PCA and t-SNE of the encoder's features, one point per image."""
    latents: Pooling = "all_mean_std"
    """Vector of an image: spatial mean (and deviation) of the last encoder map, or of all."""
    report: bool = True
    """Write report.html, one self-contained page of figures and images."""
    images: str | None = None
    """Pattern of the images in --data_dir; default the training's, as for the next three."""
    masks: str | None = None
    """Pattern of the masks there, with the {stem} of the image's name."""
    join: Literal["later", "union"] | None = None
    """Several masks of an image: a later one covers an earlier one, or all are one foreground."""
    pages: Literal["refuse", "first", "all"] | None = None
    """Stacks and animations: refuse them, take the first picture of each, or all as images."""
    skip_bad_files: bool = False
    """Skip unreadable images, and list them, instead of stopping."""
    verify_data: bool = False
    """Read every file again; else one of the same size, times and inode as before is taken as read."""
    cache_dir: Path | None = None
    """Folder of decoded images; default $RECON2SEG_CACHE or ~/.cache/recon2seg."""
    num_workers: Annotated[int, Field(ge=0)] = 0
    """Threads that decode images; 0 for one per core."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""

    @property
    def file(self) -> Path:
        """The network's file."""
        return network_file(self.model_path)

    @property
    @abstractmethod
    def what(self) -> str:
        """The images that are scored, in a word for the name of a folder."""

    @property
    def folder(self) -> Path:
        """The folder of the results."""
        return self.output_dir or self.file.parent / f"evaluation-{self.what}"

    def data(self, trained: T) -> T:
        """The images to score, given the settings that the network was trained with."""
        given = {name: getattr(self, name) for name in ("images", "masks", "join", "pages")}
        return replace(
            trained,
            data_dir=self.data_dir or trained.data_dir,
            download=trained.download and self.data_dir is None,
            **{name: value for name, value in given.items() if value is not None},
            skip_bad_files=self.skip_bad_files,
            verify_data=self.verify_data,
            cache_dir=self.cache_dir,
            num_workers=self.num_workers,
        )

    def check(self, *, phase: str) -> None:
        """Raise UserError when no model is named, for a device that does not exist, and for the folder of a run."""
        if self.model_path is None:
            raise UserError(f"--model_path is missing: give the best.pth of a run of {phase}.main")
        if self.output_dir is not None:
            refuse_run(self.output_dir, "output_dir")
        RunConfig(device=self.device).check()
        self._refuse_namesake()

    def _refuse_namesake(self) -> None:
        """Raise UserError where the folder that is not named holds the scores of another data set of the same name."""
        written = self.folder / "metrics.json"
        if self.output_dir is not None or self.data_dir is None or not written.is_file():
            return
        place = Path(from_json(_Evaluated, written).scored.data)
        if place.is_absolute() and place.is_dir() and place != self.data_dir.resolve():
            raise UserError(f"{self.folder} holds the scores of {place}: name another folder with --output_dir")


@dataclass(frozen=True)
class SizeOptions:
    """How large images are, and how those that are segmented at their own size are cut."""

    tile: Annotated[int, Field(ge=1)] | None = None
    """Segment at own size, by windows of at most N pixels a side; default 1024 after --fit crop."""
    overlap: Annotated[int, Field(ge=0)] | None = None
    """Pixels that neighbouring windows share; default 128, or a quarter of small windows."""
    max_pixels: Annotated[int, Field(ge=1, le=2**30)] = PIXELS
    """Pixels of the largest image or mask that is read."""


@dataclass(frozen=True)
class NetworkOption:
    """The trained network."""

    model_path: Path | None = None
    """best.pth of a run of transfer.main, or the run's folder (required)."""

    @property
    def file(self) -> Path:
        """The network's file."""
        return network_file(self.model_path)


@dataclass(frozen=True)
class NetworksOption:
    """The trained networks."""

    model_path: tuple[Path, ...] = ()
    """best.pth of a run, or its folder (required); several are averaged."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the networks."""
        return tuple(map(network_file, self.model_path))


@dataclass(frozen=True)
class ImageOptions:
    """The images that a trained network is applied to, and the folder of the results."""

    input: Path | None = None
    """An image, a folder read recursively, a 'pattern*', or - for paths on standard input (required)."""
    output: Path | None = None
    """Folder of the results (required)."""
    pages: Literal["refuse", "first", "all"] = "refuse"
    """Stacks and animations: refuse them, take the first picture of each, or all as images."""
    batch_size: Annotated[int, Field(ge=1)] = 16
    """Images per batch; changes speed and memory only."""
    num_workers: Annotated[int, Field(ge=0)] = 0
    """Threads that decode images; 0 for one per core."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""

    @property
    def folder(self) -> Path:
        """The folder of the results."""
        assert self.output is not None, "check() asks for it"
        return self.output

    def check(self) -> None:
        """Raise UserError when a path is missing, and for a device that does not exist."""
        for name in ("model_path", "input", "output"):
            if getattr(self, name) in (None, ()):
                raise UserError(f"--{name} is missing: give --model_path best.pth --input IMAGES --output FOLDER")
        RunConfig(device=self.device).check()
