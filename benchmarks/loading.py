"""Loading speed of training batches: `python -m benchmarks.loading --data_dir FOLDER`.

Compares our memory-mapped packs, of squashed images and of random crops (--fit crop), with two DataLoaders:
torchvision's `decode_image` + resize, and OpenCV. Each pass reads the same images once at the same size, in shuffled
order. The contestants alternate; the median and range over the passes are printed.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms.v2.functional import resize

from common.config.groups import DataConfig
from common.data.batches import Batches
from common.data.load import load_splits


class OpenCVImages(Dataset):
    """A common Dataset: decode with OpenCV, resize, convert to a tensor."""

    def __init__(self, paths: list[Path], size: int) -> None:
        self.paths, self.size = paths, size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        picture = cv2.imread(str(self.paths[index]), cv2.IMREAD_COLOR_RGB)
        assert picture is not None, self.paths[index]
        picture = cv2.resize(picture, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return torch.from_numpy(picture).permute(2, 0, 1).float() / 255


class TorchvisionImages(OpenCVImages):
    """The same Dataset with torchvision alone."""

    def __getitem__(self, index: int) -> torch.Tensor:
        picture = decode_image(str(self.paths[index]), ImageReadMode.RGB)
        return resize(picture, [self.size, self.size], antialias=True).float() / 255


def main() -> None:
    """Time every contestant `--passes` times, alternately."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", type=Path, required=True, help="a flat folder of JPEG images")
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--passes", type=int, default=5)
    options = parser.parse_args()
    size, batch = options.image_size, options.batch_size

    began = time.perf_counter()
    pack = load_splits(DataConfig(data_dir=options.data_dir, image_size=size)).train
    ragged = load_splits(DataConfig(data_dir=options.data_dir, image_size=size, fit="crop")).train
    seconds = time.perf_counter() - began
    print(f"decoding into the packs, or finding them decoded: {seconds:.2f} s for {len(pack)} training images")
    paths = sorted(options.data_dir.glob("*.jpg"))[: len(pack)]

    def loader(kind: type[OpenCVImages], workers: int) -> Callable[[], Iterable[object]]:
        return lambda: DataLoader(kind(paths, size), batch_size=batch, shuffle=True, num_workers=workers)

    contestants: dict[str, Callable[[], Iterable[object]]] = {
        "pack": lambda: Batches(pack, batch_size=batch, shuffle=True).epoch(0),
        "pack, crops": lambda: Batches(ragged, batch_size=batch, shuffle=True, crops=True).epoch(0),
        "DataLoader + OpenCV, 0 workers": loader(OpenCVImages, 0),
        "DataLoader + OpenCV, 2 workers": loader(OpenCVImages, 2),
        "DataLoader + torchvision, 2 workers": loader(TorchvisionImages, 2),
    }
    speeds = {name: [] for name in contestants}
    for _ in range(options.passes):
        for name, batches in contestants.items():
            began = time.perf_counter()
            for _ in batches():
                pass
            speeds[name].append(len(paths) / (time.perf_counter() - began))
    ours = statistics.median(speeds["pack"])
    for name, values in speeds.items():
        middle = statistics.median(values)
        print(
            f"{name:<38} {middle:8.0f} images/s ({min(values):.0f} to {max(values):.0f}), pack is {ours / middle:.1f} x"
        )


if __name__ == "__main__":
    main()
