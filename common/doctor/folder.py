"""What a folder of images and masks holds, with all that is wrong in its names, where a training stops at the first."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.config.groups import DataConfig
from common.data.cache import PackSpec
from common.data.classes import Classes
from common.data.layouts.folder import photographs as of_any_folder
from common.data.layouts.folder import with_note_of_others
from common.data.layouts.folders import Tree
from common.data.layouts.layout import Found, joined
from common.data.layouts.registry import FOLDER, NO_PATTERNS, Patterns, laid_out, not_understood
from common.data.masks.mask import Join
from common.data.samples import Dataset, Sample
from common.data.shards.files import refuse_shards
from common.data.survey import facts_word, survey
from common.doctor.finding import Finding, of_names
from common.errors import UserError
from common.files import default_cache_dir
from common.words import counted


class PatientTree(Tree):
    """A folder whose errors are collected, so that the rest can be looked at."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.refused: list[str] = []

    def refuse(self, error: UserError) -> None:
        """Collect an error; each once, for several layouts may try the same folder."""
        if str(error) not in self.refused:
            self.refused.append(str(error))


@dataclass(frozen=True)
class Folder:
    """The images that can be looked at, and what was found about the others."""

    layout: str = ""
    classes: Classes | None = None
    samples: Sequence[Sample] = ()
    images: int = 0
    """How many there are, also without masks."""
    findings: Sequence[Finding] = field(default_factory=tuple)


def labelled_folder(root: Path, config: DataConfig) -> Folder:
    """Find the images and masks below a folder. Raises UserError where there is no folder, or no such --classes."""
    refuse_shards(root)
    if not root.is_dir():
        raise UserError(f"there is no folder {root}; give the folder of the data set with --data_dir")
    tree = PatientTree(root)
    try:
        name, layout, found = laid_out(tree, Patterns(config.images, config.masks))
    except UserError as error:
        return Folder(findings=[_of_layout(error)])
    if layout is None or found is None:
        return Folder(findings=[_of_layout(not_understood(tree))])
    found = found if config.images else with_note_of_others(found, tree)
    classes = layout.classes(config.classes, found)
    findings = [*_refused(tree), *_unpaired(found)]
    whole, several = _joined(found.samples, config.join)
    findings += several
    images = len(found.samples) + len(found.unlabelled)
    if not whole:
        return Folder(layout.words, classes, (), images, [*findings, *_nothing(findings, root)])
    whole_pairs = replace(found, samples=whole, strays=())
    dataset = layout.labelled(name, whole_pairs, root, classes=config.classes, join=config.join)
    samples, surveyed = _surveyed(dataset, config)
    return Folder(layout.words, classes, samples, images, [*findings, *_notes(dataset.notes, findings), *surveyed])


def photographs(root: Path, config: DataConfig) -> Folder:
    """Find the photographs below a folder. Raises UserError where there is no folder."""
    refuse_shards(root)
    if not root.is_dir():
        raise UserError(f"there is no folder {root}; give the folder of photographs with --unlabelled_dir")
    tree = PatientTree(root)
    try:
        name, layout, found = laid_out(tree, NO_PATTERNS)
        found = found and with_note_of_others(found, tree)
        known = (name, layout, found) if layout and found else (name, FOLDER, of_any_folder(tree))
        dataset = known[1].unlabelled(name, known[2], root)
    except UserError as error:
        return Folder(findings=[_of_layout(error)])
    samples, surveyed = _surveyed(dataset, config)
    findings = [*_refused(tree), *_passed_over(known[2]), *_notes(dataset.notes), *surveyed]
    return Folder(known[1].words, None, samples, len(samples), findings)


def _surveyed(dataset: Dataset, config: DataConfig) -> tuple[Sequence[Sample], list[Finding]]:
    """The samples with how they are read; as they are, with the error, where they can't be read together."""
    spec = PackSpec(size=1, cache_dir=config.cache_dir or default_cache_dir(), num_workers=config.num_workers)
    try:
        known = spec.known(dataset.samples, facts_word(config.channels, config.pages))
        found = survey(dataset.samples, known, pages=config.pages, channels=config.channels)
    except UserError as error:
        kind, advice = "masks-differ", "the images are looked at all the same, and the masks by their indices"
        return dataset.samples, [Finding(kind=kind, level="error", sentence=str(error), count=1, advice=advice)]
    return found.samples, _notes(found.notes)


def _joined(samples: Sequence[Sample], join: Join | None) -> tuple[list[Sample], list[Finding]]:
    """The samples that have a mask, and a finding for those whose masks can't be joined."""
    whole, refused = [], {}
    for sample in samples:
        if sample.mask is None:
            continue
        try:
            joined(sample.mask, join, sample.image)
            whole.append(sample)
        except UserError as error:
            refused[str(sample.image)] = str(error)
    sentence = f"{counted(len(refused), 'image', 'has')} several masks, which need not belong together"
    advice = "remove all but one, or join them with --join later or --join union"
    return whole, of_names("several-masks", "error", sentence, list(refused), advice=advice)


def _unpaired(found: Found) -> list[Finding]:
    bare = [sample.image for sample in found.samples if sample.mask is None]
    return [
        *of_names(
            "image-without-mask",
            "error",
            f"{counted(len(bare), 'image', 'has')} no mask of the same name, of {len(found.samples)}",
            list(map(str, bare)),
            advice=found.where,
            pictures=[[path] for path in bare],
        ),
        *of_names(
            "mask-without-image",
            "error",
            f"{counted(len(found.strays), 'mask', 'has')} no image of the same name",
            list(map(str, found.strays)),
            advice="add the images, or move these masks away",
        ),
        *of_names(
            "unlabelled",
            "info" if found.samples else "error",
            f"{counted(len(found.unlabelled), 'image', 'is')} left out, {found.lack}",
            [str(sample.image) for sample in found.unlabelled],
        ),
        *_passed_over(found),
    ]


def _passed_over(found: Found) -> list[Finding]:
    return of_names(
        "passed-over",
        "warning",
        f"{counted(len(found.passed_over), 'name')} like those of images, or of folders, cannot be read",
        found.passed_over,
        advice="save them as PNG, TIFF or JPEG, or remove them",
    )


def _refused(tree: PatientTree) -> list[Finding]:
    return [
        Finding(kind="names", level="error", sentence=sentence, count=1, advice="the rest is looked at all the same")
        for sentence in tree.refused
    ]


def _of_layout(error: UserError) -> Finding:
    return Finding(kind="layout", level="error", sentence=str(error), count=1)


def _nothing(findings: Sequence[Finding], root: Path) -> list[Finding]:
    if findings:
        return []
    return [Finding(kind="layout", level="error", sentence=f"{root} holds no images", count=1)]


def _notes(sentences: Sequence[str], told: Sequence[Finding] = ()) -> list[Finding]:
    """The notes of a data set as findings, but for those that are `told` already."""
    known = ("passed over: ", *(finding.sentence for finding in told))
    return [
        Finding(kind="note", level="info", sentence=sentence, count=1)
        for sentence in sentences
        if not sentence.startswith(known)
    ]
