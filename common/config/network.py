"""What can be set when a trained network is looked at, in either phase. Imports no torch."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from common.config.groups import DataConfig, RunConfig
from common.errors import UserError

Pooling = Literal["last_mean", "last_mean_std", "all_mean_std"]


def network_file(model_path: Path | None) -> Path:
    """The file that --model_path means: itself, or the best.pth of a run's folder."""
    assert model_path is not None, "check() asks for it"
    return model_path / "best.pth" if model_path.is_dir() else model_path


@dataclass(frozen=True)
class EvaluateOptions:
    """What is measured, and on which images."""

    model_path: Path | None = None
    """best.pth of a run of the same phase, or the run's folder (required); pretrain.evaluate takes ae.pth too."""
    data_dir: Path | None = None
    """Folder of the data; default the one that the network was trained on."""
    split: Literal["train", "val", "test"] = "test"
    """Which part of the data is scored."""
    output_dir: Path | None = None
    """Folder for metrics.json, report.html and figures; default evaluation-<split> beside the model."""
    batch_size: Annotated[int, Field(ge=0)] = 0
    """Images in a batch; 0 for as many as in training, which repeats that run's figures exactly."""
    visualize_samples: Annotated[int, Field(ge=0)] = 8
    """How many images the picture of samples shows; without a number, 8."""
    analyze_latent_space: bool = False
    """Draw PCA and t-SNE of the encoder's features, one point an image."""
    latents: Pooling = "all_mean_std"
    """The vector of an image: spatial mean (and deviation) of the encoder's last map, or of all."""
    report: bool = True
    """Write report.html, a page of figures and pictures that opens anywhere."""
    skip_bad_files: bool = False
    """Leave out images that cannot be read, and list them, where the run would stop."""
    cache_dir: Path | None = None
    """Folder of decoded images; default $RECON2SEG_CACHE or ~/.cache/recon2seg."""
    num_workers: Annotated[int, Field(ge=0)] = 0
    """Threads that decode images; 0 for one a core."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""

    @property
    def file(self) -> Path:
        """The network's file."""
        return network_file(self.model_path)

    @property
    def folder(self) -> Path:
        """Where figures go."""
        return self.output_dir or self.file.parent / f"evaluation-{self.split}"

    def data(self, trained: DataConfig) -> DataConfig:
        """The images that are asked about, given the settings that the network was trained with."""
        return replace(
            trained,
            data_dir=self.data_dir or trained.data_dir,
            download=trained.download and self.data_dir is None,
            skip_bad_files=self.skip_bad_files,
            cache_dir=self.cache_dir,
            num_workers=self.num_workers,
        )

    def check(self, *, phase: str) -> None:
        """Raise UserError when no model is named, and for a device that does not exist."""
        if self.model_path is None:
            raise UserError(f"--model_path is missing: give the best.pth of a run of {phase}.main")
        RunConfig(device=self.device).check()


@dataclass(frozen=True)
class ImageOptions:
    """Which images, and which network."""

    model_path: Path | None = None
    """best.pth of a run, or the run's folder (required)."""
    input: Path | None = None
    """An image, or a folder of images, read recursively (required)."""
    output: Path | None = None
    """Folder for results (required)."""
    batch_size: Annotated[int, Field(ge=1)] = 16
    """Images in a batch; changes speed and memory alone."""
    num_workers: Annotated[int, Field(ge=0)] = 0
    """Threads that decode images; 0 for one a core."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""

    @property
    def file(self) -> Path:
        """The network's file."""
        return network_file(self.model_path)

    @property
    def folder(self) -> Path:
        """Where results go."""
        assert self.output is not None, "check() asks for it"
        return self.output

    def check(self) -> None:
        """Raise UserError when a path is missing, and for a device that does not exist."""
        for name in ("model_path", "input", "output"):
            if getattr(self, name) is None:
                raise UserError(f"--{name} is missing: give --model_path best.pth --input IMAGES --output FOLDER")
        RunConfig(device=self.device).check()
