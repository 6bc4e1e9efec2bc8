"""`--devices`: the images of a call, dealt out among processes with a device each. Imports no torch by itself."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from common.data.opened import BadFileError, read_up_to
from common.data.parallel import with_progress
from common.errors import UserError
from common.ranks.place import gpus_for
from common.words import counted
from transfer.predict.config import PredictOptions
from transfer.predict.journal import Finished
from transfer.predict.photos import Photos
from transfer.predict.prediction import Prediction
from transfer.predict.spread import spread


@dataclass(frozen=True)
class Share:
    """What one of the processes does."""

    options: PredictOptions
    """Those of the call, with the process's own device."""
    photos: Photos
    """Its images."""
    stamps: Mapping[str, str]
    """Of its images' files, by name."""


def prediction_of(options: PredictOptions) -> Prediction:
    """A prediction in this process, or in as many as --devices says. Raises UserError where there are fewer GPUs."""
    devices = devices_of(options)
    return Prediction(options) if len(devices) == 1 else SharedPrediction(options, devices)


def devices_of(options: PredictOptions) -> list[str]:
    """The device of each process."""
    if options.devices == "1":
        return [options.device]
    if file := next((file for file in options.files if file.suffix == ".onnx"), None):
        raise UserError(f"{file} is run by onnxruntime on the CPU, all of whose cores it takes: leave --devices out")
    gpus = gpus_for(options.device)
    count = max(gpus, 1) if options.devices == "auto" else int(options.devices)
    if count == 1:
        return [options.device]
    if options.device not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device {options.device} is for one process, and there are {count}: give cuda or cpu")
    if count > gpus and (gpus or options.device == "cuda"):
        raise UserError(
            f"--devices {count} is more than the {counted(gpus, 'CUDA GPU')} of this computer: give "
            f"--devices {max(gpus, 1)}, or --device cpu"
        )
    return [f"cuda:{number}" for number in range(count)] if gpus else ["cpu"] * count


class SharedPrediction(Prediction):
    """A prediction whose images others segment; this process lists them, and writes the journal and the tables."""

    def __init__(self, options: PredictOptions, devices: Sequence[str]) -> None:
        super().__init__(replace(options, device="cpu"))  # only its words are needed here
        self.devices = devices

    def finished(self, stamps: Mapping[str, str]) -> Generator[Finished, None, None]:
        """As `Prediction.finished`, in no order."""
        shares = self._shares(stamps)
        if not shares:
            return
        pending = sum(len(share.photos.files) for share in shares)
        with closing(with_progress(self._told(shares), pending, "segmenting")) as finished:
            yield from finished
        self.photos.end()

    def _told(self, shares: Sequence[Share]) -> Iterator[Finished]:
        with closing(spread(segmented, shares)) as told:
            for one in told:
                if isinstance(one, Finished):
                    yield one
                elif isinstance(one, str):
                    self.photos.leave_out(BadFileError(one))
                else:
                    self.photos.learn_lost(one)

    def _shares(self, stamps: Mapping[str, str]) -> list[Share]:
        """The images that are not finished, by batches in turn, so that these are the batches of one process."""
        block, count = 1 if self.network.own_size else self.options.batch_size, len(self.devices)
        hands: list[list[str]] = [[] for _ in self.devices]
        for index, key in enumerate(self.photos.files):
            if key not in self.photos.done:
                hands[index // block % count].append(key)
        return [
            Share(
                replace(self.options, devices="1", device=device),
                self.photos.part(keys, threads=max(self.photos.threads // count, 1)),
                {key: stamps[key] for key in keys},
            )
            for device, keys in zip(self.devices, hands, strict=True)
            if keys
        ]


def segmented(share: Share) -> Iterator[Finished | str | dict[str, list[str]]]:
    """Segment the images of a share: tell what is finished, why a file was left out, and in the end what was lost."""
    photos = share.photos
    with read_up_to(share.options.max_pixels):
        for finished in Prediction(share.options, photos).finished(share.stamps):
            yield from photos.bad
            photos.bad.clear()
            yield finished
    yield from photos.bad
    yield photos.lost
