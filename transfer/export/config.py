"""The settings of `python -m transfer.export`. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from common.config.network import NetworkOption
from common.errors import UserError

Format = Literal["onnx", "torch_export", "torchscript", "safetensors", "hub"]
MODEL = {
    "onnx": "model.onnx",
    "torch_export": "model.pt2",
    "torchscript": "model.torchscript.pt",
    "safetensors": "model.safetensors",
    "hub": "model.safetensors",
}
"""The file of each format."""
CARD = ("README.md", "config.json")
"""What the format hub has beside its weights."""
INT8 = "model.int8.onnx"
NEEDS: dict[str, Sequence[str]] = {
    "--format onnx": ("onnx", "onnxscript", "onnxruntime"),
    "--push_to_hub": ("huggingface_hub",),
}
"""The libraries that a setting needs beside those of every installation."""


@dataclass(frozen=True)
class ExportOptions(NetworkOption):
    """The trained network, and the files that it becomes."""

    format: tuple[Format, ...] = ("onnx",)
    """Files, one or more: onnx, torch_export, torchscript, safetensors, or hub (with a model card)."""
    output: Path | None = None
    """Folder of the files; default export/ beside the network's file."""
    opset: Annotated[int, Field(ge=1)] | None = None
    """Version of ONNX's operators; default the one that torch writes without converting."""
    int8: bool = False
    """Also write an ONNX file of 8-bit numbers, and print the IoU that they cost."""
    data_dir: Path | None = None
    """Folder of the data whose validation images check the files; default the training's."""
    check_images: Annotated[int, Field(ge=1)] = 32
    """Validation images on which each file is compared with PyTorch."""
    licence: str = "other"
    """Licence of the weights in the model card, as the hub spells it: mit, apache-2.0, cc-by-4.0."""
    push_to_hub: str | None = None
    """Also upload the folder of --format hub to the Hugging Face hub, as USER/NAME."""
    overwrite: bool = False
    """Replace files of an earlier export."""

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        return self.output or self.file.parent / "export"

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that will be written."""
        parts = {INT8: self.int8, CARD[0]: "hub" in self.format, CARD[1]: "hub" in self.format}
        return (*(MODEL[name] for name in self.format), *(name for name, wanted in parts.items() if wanted))

    def check(self) -> None:
        """Raise UserError when no network is named, for settings of a format that is not asked for, for a format whose
        libraries are missing, and for files that are there already.
        """
        if self.model_path is None:
            raise UserError("--model_path is missing: give the best.pth of a run of transfer.main")
        if not self.format or len(set(self.files)) < len(self.files):
            raise UserError("--format takes at least one word, each file once (hub writes safetensors): try onnx hub")
        if self.opset is not None and "onnx" not in self.format:
            raise UserError(f"--opset {self.opset} is ONNX's: give --format onnx too")
        if self.int8 and "onnx" not in self.format:
            raise UserError("--int8 is made of the ONNX file: give --format onnx too")
        if self.push_to_hub is not None and "hub" not in self.format:
            raise UserError(f"--push_to_hub {self.push_to_hub} uploads a model card: give --format hub too")
        asked = [f"--format {name}" for name in self.format] + ["--push_to_hub"] * (self.push_to_hub is not None)
        for flag in asked:
            missing = [library for library in NEEDS.get(flag, ()) if find_spec(library) is None]
            if missing:
                raise UserError(f"{flag} needs {', '.join(missing)}: pip install {' '.join(missing)}")
        for name in self.files:
            if not self.overwrite and (self.folder / name).exists():
                raise UserError(f"{self.folder / name} exists: give another --output, or --overwrite to replace it")


@dataclass(frozen=True)
class ExportConfig:
    """Write a trained network as files that other programs run, each checked against PyTorch."""

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m transfer.export --model_path runs/seg",
        "python -m transfer.export --model_path best.pth --format onnx torch_export",
        "python -m transfer.export --model_path runs/seg --format hub --output card",
    )

    export: ExportOptions = ExportOptions()

    def check(self) -> None:
        """Raise UserError as `ExportOptions.check`."""
        self.export.check()
