"""How the images of a data set become a pack."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.config.groups import DataConfig
from common.data.fit import Fit
from common.data.fitting import Fitting
from common.data.known import KnownFiles, folder_of
from common.data.pack_files import IMAGES, MASKS
from common.data.parallel import reading_threads
from common.data.samples import Sample, mask_files
from common.files import default_cache_dir


@dataclass(frozen=True)
class PackSpec:
    """How samples become a pack."""

    size: int
    """Side in pixels of the squares that images and masks become."""
    cache_dir: Path
    fit: Fit = "squash"
    scale_to: int | None = None
    """Short side in pixels of the images that are kept for crops; None for their own."""
    channels: int = 3
    num_workers: int = 0
    """Decoding threads; 0 takes one for every core."""
    skip_bad_files: bool = False
    """Leave out files that cannot be read, and masks that differ in size from their image, instead of refusing them."""
    verify_data: bool = False
    """Read and digest every file, also those that nothing has touched since they were read."""

    @property
    def threads(self) -> int:
        """Decoding threads, at least one."""
        return reading_threads(self.num_workers)

    @property
    def fitting(self) -> Fitting:
        """How they become squares."""
        return Fitting(self.size, self.fit, self.scale_to)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one image."""
        return self.size, self.size, self.channels

    @property
    def rows(self) -> dict[str, tuple[int, ...]]:
        """The shape of a row in the files of a pack: an image, or a pixel where images have their own sizes."""
        shape = self.shape[2:] if self.fit == "crop" else self.shape
        return {IMAGES: shape, MASKS: shape[:-1]}

    def known(self, samples: Sequence[Sample], what: str = "known") -> KnownFiles:
        """What was read of the files of these samples before; `what` of it, in a word."""
        folder = folder_of([path for sample in samples for path in (sample.image, *mask_files(sample))])
        return KnownFiles(self.cache_dir, folder, threads=self.threads, verify=self.verify_data, what=what)


def spec_of(config: DataConfig, fitting: Fitting | None = None) -> PackSpec:
    """What the settings say of packs; without a `fitting` for what concerns no image."""
    fitting = fitting or Fitting(config.image_size)
    return PackSpec(
        size=fitting.size,
        fit=fitting.fit,
        scale_to=fitting.scale_to,
        cache_dir=config.cache_dir or default_cache_dir(),
        channels=config.channels,
        num_workers=config.num_workers,
        skip_bad_files=config.skip_bad_files,
        verify_data=config.verify_data,
    )
