"""The fit that `--fit auto` takes, by a look at some files of the data set."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from pydantic import ValidationError

from common.config.groups import DataConfig
from common.data.classes import Classes
from common.data.decode import labels_of, size_of
from common.data.fit import crops_hold, fit_for
from common.data.fitting import Fitting
from common.data.identity import digest_of, identities
from common.data.objects import object_sides
from common.data.opened import BadFileError, read_bytes
from common.data.pack_spec import spec_of
from common.data.parallel import reading_pool
from common.data.samples import Dataset, Sample
from common.errors import UserError
from common.files import replace_text
from common.run.plain_data import adapter

LOOKED_AT = 48
"""Images that are looked at."""
GIGABYTE = 1e9


@dataclass(frozen=True)
class Sizes:
    """Of the images that were looked at, in pixels of their files."""

    longer: float
    """The median of the longer sides."""
    shorter: float
    pixels: float
    """In mean."""
    object: float | None
    """The median side of the objects; None without any."""

    def times(self, factor: float) -> tuple[float, float | None]:
        """The longer side and the side of an object, where images are so many times as large."""
        return self.longer * factor, None if self.object is None else self.object * factor

    def __str__(self) -> str:
        objects = "" if self.object is None else f", their objects {self.object:.0f}"
        return f"images have {self.longer:.0f} pixels (longer side){objects}, in median"


def fitting_of(config: DataConfig, dataset: Dataset, encoder: Fitting | None = None) -> tuple[Fitting, tuple[str, ...]]:
    """How the images of a data set become squares, and for `auto` a sentence, unless they are squashed as ever.

    `auto` is `fit_for` the data set. After an `encoder` that was taught by crops it is crops of the same scale, where
    these hold objects. It depends on the files alone. Those that can't be read, or whose classes are not known, are
    passed over: the training will name them. Settings that are for crops alone ask for crops.
    """
    size = config.image_size
    if config.fit != "auto":
        return Fitting(size, config.fit, config.scale_to), ()
    if config.of_crops:
        return Fitting(size, "crop", config.scale_to), (f"--fit auto takes crop, for --{config.of_crops[0]}",)
    taught = encoder if encoder is not None and encoder.fit == "crop" else None
    sizes = sizes_of(config, dataset, least=1 if taught and taught.scale_to else size)
    if sizes is None:
        return Fitting(size), ()
    fit, said = fit_for(sizes.longer, sizes.object, image_size=size), ()
    if taught is not None:
        factor = 1.0 if taught.scale_to is None else taught.scale_to / sizes.shorter
        if crops_hold(*sizes.times(factor), image_size=size):
            room = _room(sizes, factor, dataset, config)
            return replace(taught, size=size), (f"--fit auto takes {taught}, by which the encoder was taught{room}",)
        said = (f"--fit auto takes {fit}, where the encoder was taught by crops: {sizes}",)
    if fit == "crop":
        said = (f"--fit auto takes crop: {sizes}{_room(sizes, 1.0, dataset, config)}",)
    return Fitting(size, fit), said


def sizes_of(config: DataConfig, dataset: Dataset, *, least: int) -> Sizes | None:
    """The sizes of the images of a data set and of their objects; None where no image can be read.

    Some files are looked at, and what was seen is kept in the cache by their content. Objects are left out of images
    that are not larger than `least` pixels, of which they make no difference.
    """
    count = len(dataset.samples)
    chosen = np.linspace(0, count - 1, min(count, LOOKED_AT)).round().astype(int).tolist()
    samples, spec = [dataset.samples[index] for index in chosen], spec_of(config)
    known = spec.known(dataset.samples)
    content = [one.content for one in identities(samples, known)]
    known.keep()
    classes = None if dataset.classes is None else (dataset.classes.num_classes, dataset.classes.background)
    record = spec.cache_dir / f"{digest_of([content, classes, least, config.channels])}.sizes"
    with suppress(OSError, ValidationError):
        return adapter(Sizes).validate_json(record.read_bytes())
    sizes = _looked_at(samples, dataset.classes, config, least=least)
    if sizes is not None:
        with suppress(OSError):
            record.parent.mkdir(parents=True, exist_ok=True)
            replace_text(record, adapter(Sizes).dump_json(sizes).decode())
    return sizes


def _looked_at(samples: Sequence[Sample], classes: Classes | None, config: DataConfig, *, least: int) -> Sizes | None:
    with reading_pool(spec_of(config).threads) as pool:
        sizes = [size for size in pool.map(partial(_size, channels=config.channels), samples) if size is not None]
        if not sizes:
            return None
        longer, shorter = (float(np.median([order(size) for size in sizes])) for order in (max, min))
        sides: list[float] = []
        if longer > least and classes is not None:
            objects = partial(_objects, classes=classes, channels=config.channels)
            sides = [side for found in pool.map(objects, samples) for side in found]
    pixels = float(np.mean([height * width for height, width in sizes]))
    return Sizes(longer, shorter, pixels, float(np.median(sides)) if sides else None)


def _size(sample: Sample, channels: int) -> tuple[int, int] | None:
    """Height and width of an image; None for one that can't be read."""
    with suppress(BadFileError):
        return size_of(sample, read_bytes(sample.image), channels)


def _objects(sample: Sample, classes: Classes, channels: int) -> list[float]:
    """The sides of the objects of a sample in pixels; none where its mask can't be read."""
    if sample.mask is None:
        return []
    with suppress(BadFileError, UserError):
        data = read_bytes(sample.image)
        frame = np.broadcast_to(np.uint8(0), (*size_of(sample, data, channels), channels))  # no pixel is looked at
        mask = labels_of(sample, data, frame).classes
        return object_sides(mask, [k for k in range(classes.num_classes) if k != classes.background]).tolist()
    return []


def _room(sizes: Sizes, factor: float, dataset: Dataset, config: DataConfig) -> str:
    """How much of the cache the images take, where it is much."""
    room = sizes.pixels * factor**2 * len(dataset.samples) * config.channels
    return f"; decoded they take about {room / GIGABYTE:,.0f} GB (--cache_dir)" if room >= GIGABYTE else ""
