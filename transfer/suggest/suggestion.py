"""From a trained network and images without masks to those that are worth a mask."""

from dataclasses import replace
from pathlib import Path

from common.data.known import KnownFiles, folder_of
from common.errors import UserError
from common.files import default_cache_dir, make_folder, sha256_of
from common.rows import csv_table
from common.run.next_step import command_line, last_lines, typed_flags
from common.say import note
from common.words import counted
from transfer.next_steps import typed_settings
from transfer.predict.alike import load_alike
from transfer.predict.formats.pictures import write_classes
from transfer.predict.photos import Photos
from transfer.suggest.candidates import Ranking
from transfer.suggest.choice import Labels, Suggested, choose
from transfer.suggest.config import SuggestOptions
from transfer.suggest.files import DRAFTS, IMAGES, Call, begin, copy_image, copy_of, draft_of, record, write_draft
from transfer.suggest.labelled import labelled_images
from transfer.suggest.page import write_page
from transfer.suggest.pictures import Picture, picture_of, write_sheet
from transfer.suggest.uncertainty import Committee

HEADS = ("rank", "image", "file", "uncertainty", "uncertainty_rank", "nearest", "distance", "reason")


class Suggestion:
    """Trained networks, and the images of which some are to be labelled."""

    def __init__(self, options: SuggestOptions) -> None:
        self.options, self.folder = options, options.folder
        self.models = load_alike(options.files, options.device)
        self.model = self.models[0]
        assert options.input is not None, "check() requires it"
        networks = tuple(map(sha256_of, options.files))
        models = tuple(str(file.resolve()) for file in options.files)
        self.call = Call(models, str(options.input.resolve()), networks=networks)
        self.photos = Photos(options, self.model.handover.input, written=(IMAGES, DRAFTS))
        self.labelled = labelled_images(self.model, options)
        self.notes = self._leave_out_labelled()

    def run(self) -> None:
        """Judge every image; write copies, drafts, suggestions.csv, contact_sheet.png and report.html.

        Raises UserError where every image is labelled, or none is readable, and for a folder of another call.
        """
        make_folder(self.folder)
        begin(self.folder, self.call, overwrite=self.options.overwrite)
        ranking = Ranking(self.options.count * self.options.among)
        ranking.add(Committee(self.models, batch_size=self.options.batch_size).judged(self.photos))
        labels = Labels.of(self.labelled, self.model, batch_size=self.options.batch_size)
        suggested, told = choose(ranking, labels, count=self.options.count)
        if not suggested:
            raise UserError(f"every uncertain image of {self.options.input} shows a labelled picture: give others")
        call = replace(self.call, files=self._files(suggested))
        record(self.folder, call)  # now: if this is stopped, the next call removes what it wrote
        for one in suggested:
            copy_image(one.candidate.judged.photo, self.folder)
        pictures = self._pictures(suggested)
        self._write_table(suggested)
        record(self.folder, call)
        write_sheet(self.folder / "contact_sheet.png", pictures)
        notes, page = [*self.notes, *told], self.folder / "report.html"
        write_page(suggested, pictures, ranking.curve, page, notes=notes, steps=self.steps)
        last_lines(
            f"{counted(len(suggested), 'image')} of {len(ranking.uncertainties)} to label next",
            notes=told,
            places={"images, drafts and reasons": self.folder, "report": page},
            steps=self.steps,
        )

    @property
    def steps(self) -> list[str]:
        """The commands after labelling: train again, with the new masks among the others."""
        config = typed_settings(self.options.file, self.labelled.config)
        if config.data.data_dir is None:
            return [command_line("transfer.main", data_dir="IMAGES_AND_MASKS", output_dir="runs/with_suggestions")]
        return [command_line("transfer.main", **typed_flags(config), output_dir="runs/with_suggestions")]

    def _leave_out_labelled(self) -> list[str]:
        """Forget the images that are labelled; sentences say so, and what is not known."""
        paths = [sample.image for sample in self.photos.files.values()]
        known = KnownFiles(default_cache_dir(), folder_of(paths))
        digests = dict(zip(self.photos.files, known.of_files(paths), strict=True))
        labelled = [key for key, digest in digests.items() if digest in self.labelled.digests]
        self.photos.forget(labelled)
        if not self.photos.files:
            raise UserError(f"all {counted(len(labelled), 'image')} of {self.options.input} are labelled: give others")
        told = []
        if labelled:
            told.append(f"left out, because they are labelled already: {counted(len(labelled), 'image')}")
        if self.labelled.trained_on is None:
            told.append("the training images are not where they were: suggestions are kept apart from each other alone")
        for sentence in told:
            note(sentence)
        return told

    def _files(self, suggested: list[Suggested]) -> tuple[str, ...]:
        """The copies, and the drafts where these are wanted."""
        photos = [one.candidate.judged.photo for one in suggested]
        return (*map(copy_of, photos), *(map(draft_of, photos) if self.options.drafts else ()))

    def _pictures(self, suggested: list[Suggested]) -> list[Picture]:
        """A picture of each suggestion, whose draft is written."""
        pictures = []
        for one in suggested:
            photo = one.candidate.judged.photo
            mask, picture = picture_of(self.model, photo, batch_size=self.options.batch_size)
            pictures.append(picture)
            if self.options.drafts:
                write_draft(mask, photo, self.folder, classes=len(self.model.names))
        if self.options.drafts:
            write_classes(self.folder, self.model.names, self.model.background)
        return pictures

    def _write_table(self, suggested: list[Suggested]) -> Path:
        path = self.folder / "suggestions.csv"
        with csv_table(path, HEADS) as add:
            for one in suggested:
                judged = one.candidate.judged
                numbers = [f"{judged.uncertainty:.4f}", one.candidate.rank]
                place = [one.nearest, f"{one.distance:.4f}", one.reason]
                add([one.rank, one.candidate.key, judged.photo.sample.image, *numbers, *place])
        return path
