"""The cache of decoded images: a pack is opened, and made first where there is none."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.data.decode import Decoded, refuse, try_decode
from common.data.fitting import Box
from common.data.identity import Identity, digest_of, identities, with_paths, without_paths
from common.data.known import KnownFiles
from common.data.opened import BadFileError
from common.data.pack import LabelledPack, Pack
from common.data.pack_files import DamagedPackError, PackFiles, PackMeta, read_pack, write_meta
from common.data.pack_spec import PackSpec
from common.data.parallel import map_in_order, reading_pool, with_progress
from common.data.row_file import RowFile
from common.data.samples import Sample, mask_files
from common.data.unfinished import remove_leftovers, unfinished_folder
from common.errors import UserError
from common.say import note
from common.words import counted

FORMAT, OF_TIFF = 1, 2  # to be raised when the same files would give another pack


def open_pack(samples: Sequence[Sample], spec: PackSpec) -> Pack:
    """Open the pack of these images, whose masks are left alone; decode them only if the cache does not hold them.

    A pack appears in the cache complete or not at all, also when two runs write it at once. Raises UserError for a
    file that cannot be read (left out with `skip_bad_files`), and if the cache folder cannot be written.
    """
    unlabelled = [replace(sample, mask=None, values={}) for sample in samples]
    return _open(unlabelled, spec, None).images


def open_labelled_pack(samples: Sequence[Sample], spec: PackSpec, *, num_classes: int) -> LabelledPack:
    """Open the pack of these images and their masks; otherwise as `open_pack`.

    Raises UserError also for a mask that differs in size from its image (left out with `skip_bad_files`), and for a
    mask value that the classes do not know.
    """
    pack, (_, masks, meta), mask_digests = _open(samples, spec, num_classes)
    assert masks is not None, "they were asked for"
    return LabelledPack(
        images=pack.images,
        masks=masks,
        boxes=pack.boxes,
        keys=pack.keys,
        digests=pack.digests,
        bad_files=pack.bad_files,
        lost=pack.lost,
        class_pixels=np.array(meta.class_pixels, dtype=np.int64),
        mask_values=tuple(meta.mask_values),
        mask_digests=mask_digests,
    )


class _Opened(NamedTuple):
    images: Pack
    files: PackFiles
    mask_digests: tuple[str, ...]


def _open(samples: Sequence[Sample], spec: PackSpec, num_classes: int | None) -> _Opened:
    known = spec.known(samples)
    content = identities(samples, known)
    files = _whole_pack(spec.cache_dir / _name(samples, content, spec, num_classes), samples, spec, num_classes, known)
    known.keep()
    reasons = _reasons(files.meta, samples, spec)
    if reasons and not spec.skip_bad_files:
        raise refuse(next(iter(reasons.values())))
    kept = [index for index in range(len(samples)) if index not in reasons]
    pack = Pack(
        images=files.images,
        masks=None,
        boxes=None if files.meta.boxes is None else np.array(files.meta.boxes, dtype=np.int64).reshape(-1, 4),
        keys=tuple(samples[index].key for index in kept),
        digests=tuple(content[index].image for index in kept),
        bad_files=tuple(reasons.values()),
        lost={kind: tuple(samples[index].key for index in indices) for kind, indices in files.meta.lost.items()},
    )
    return _Opened(pack, files, tuple(content[index].truth for index in kept))


def _whole_pack(
    folder: Path, samples: Sequence[Sample], spec: PackSpec, num_classes: int | None, known: KnownFiles
) -> PackFiles:
    """Read a pack, made first where there is none, and made again where it is damaged."""
    made_of = {"samples": len(samples), "shape": spec.shape, "fit": spec.fit, "num_classes": num_classes}
    read = partial(read_pack, folder, **made_of, known=known)
    remove_leftovers(folder.parent)
    if os.path.lexists(folder):
        try:
            return read()
        except DamagedPackError as error:
            note(f"the decoded images in {folder} are damaged ({error}), and made again")
        with writing(folder.parent) as temporary, suppress(FileNotFoundError):
            folder.rename(temporary / folder.name)
    build_pack(folder, samples, spec, num_classes)
    try:
        return read()
    except DamagedPackError as error:
        raise UserError(
            f"the cache folder {folder} does not keep what is written ({error}): give another with --cache_dir"
        ) from error


def _name(samples: Sequence[Sample], content: list[Identity], spec: PackSpec, num_classes: int | None) -> str:
    """The name of a pack's folder: a digest of all that makes one pack differ from another."""
    files = (path for sample in samples for path in (sample.image, *mask_files(sample)))
    tiff = any(path.suffix.lower() in (".tif", ".tiff") for path in files)
    described: list[Any] = [OF_TIFF if tiff else FORMAT, spec.size, num_classes, [one.content for one in content]]
    if spec.channels != 3:  # the first packs had three channels always, and are still found
        described.append(spec.channels)
    if spec.fit != "squash":
        described.append(spec.fit)
    if spec.scale_to is not None:
        described.append(spec.scale_to)
    return digest_of(described)


def _reasons(meta: PackMeta, samples: Sequence[Sample], spec: PackSpec) -> dict[int, str]:
    """Why each bad file was left out, by its position among the samples.

    Packs of version 0.1.0 keep no reasons: there the files are decoded once more.
    """
    if meta.reasons is None:
        return {index: _reason_again(samples[index], spec) for index in meta.bad}
    pairs = zip(meta.bad, meta.reasons, strict=True)
    return {index: with_paths(reason, samples[index]) for index, reason in pairs}


def _reason_again(sample: Sample, spec: PackSpec) -> str:
    result = try_decode(sample, spec.fitting, spec.channels)
    return str(result) if isinstance(result, BadFileError) else f"{sample.image} could not be read before"


def build_pack(folder: Path, samples: Sequence[Sample], spec: PackSpec, num_classes: int | None) -> None:
    """Decode samples into images.npy, masks.npy and meta.json, in a folder that then appears all at once.

    `num_classes` None leaves masks out. If another run has made the folder meanwhile, that one stays. Raises what
    `open_pack` and `open_labelled_pack` raise.
    """
    decode = partial(try_decode, fitting=spec.fitting, channels=spec.channels)
    with writing(folder.parent) as temporary:
        unfinished = temporary / folder.name
        unfinished.mkdir()
        with reading_pool(spec.threads) as pool:
            decoded = map_in_order(pool, decode, samples, ahead=4 * spec.threads)
            with closing(with_progress(decoded, len(samples), "decoding")) as results:  # no bar outlives an error
                _write(unfinished, zip(samples, results, strict=True), spec, num_classes)
        move_into_place(unfinished, folder)


@contextmanager
def writing(cache: Path, what: str = "decoded images") -> Iterator[Path]:
    """A folder in the cache for what is not finished. Raises UserError where nothing can be written."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with unfinished_folder(cache) as temporary:
            yield temporary
    except OSError as error:
        raise UserError(
            f"cannot write {what} to the cache folder {cache}: {error.strerror or error}; "
            "make room or give another folder with --cache_dir"
        ) from error


def _write(
    folder: Path,
    decoded: Iterable[tuple[Sample, Decoded | BadFileError]],
    spec: PackSpec,
    num_classes: int | None,
) -> None:
    images, masks = (RowFile(folder / name, shape) for name, shape in spec.rows.items())
    bad: dict[int, str] = {}
    lost: dict[str, list[int]] = {}
    class_pixels: list[list[int]] = []
    boxes: list[Box] = []
    mask_values: set[int] = set()
    with images.file, masks.file:
        for index, (sample, result) in enumerate(decoded):
            if isinstance(result, BadFileError):
                if not spec.skip_bad_files:
                    raise refuse(str(result))
                bad[index] = without_paths(str(result), sample)
                continue
            images.extend(result.image.reshape(-1, *images.row_shape))
            boxes.append(result.box)
            for kind in result.lost:
                lost.setdefault(kind, []).append(index)
            if result.mask is not None and num_classes is not None:
                masks.extend(result.mask.reshape(-1, *masks.row_shape))
                class_pixels.append(np.bincount(result.mask.ravel(), minlength=256)[:num_classes].tolist())
                mask_values.update(result.values)
        if not images.rows:
            raise UserError(f"of {counted(len(bad), 'image')} none can be read; check --data_dir")
        images.finish()
        masks.finish()
    meta = {"bad": list(bad), "reasons": list(bad.values()), "lost": lost}
    if spec.fit == "pad":
        meta["boxes"] = boxes
    if spec.fit == "crop":
        meta["shapes"] = [(box.height, box.width) for box in boxes]
    write_meta(folder, meta | {"class_pixels": class_pixels, "mask_values": sorted(mask_values)})


def move_into_place(unfinished: Path, folder: Path) -> None:
    """Give a finished folder its name; where another run has made one of that name meanwhile, that one stays."""
    try:
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
