"""`recon2seg COMMAND`: the commands of both phases by one name, beside `python -m`."""

import difflib
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from recon2seg.packages import refuse_foreign, version


class Entry(NamedTuple):
    """A command: the module that runs it, its settings, and what it does."""

    module: str
    config: str
    does: str


COMMANDS = {
    "doctor": Entry(
        "common.doctor.__main__",
        "common.doctor.config:DoctorConfig",
        "tell what is in a data set, and what is wrong with it",
    ),
    "shards": Entry(
        "common.shards.__main__",
        "common.shards.config:ShardsConfig",
        "write photographs into tar files, for a stream",
    ),
    "pretrain": Entry(
        "pretrain.main", "pretrain.config:PretrainConfig", "train an autoencoder on images without masks"
    ),
    "transfer": Entry("transfer.main", "transfer.config:TransferConfig", "train a segmentation network on its encoder"),
    "evaluate": Entry(
        "transfer.evaluate.__main__", "transfer.evaluate.config:EvaluateConfig", "score a segmentation network"
    ),
    "evaluate_pretrain": Entry(
        "pretrain.evaluate.__main__", "pretrain.evaluate.config:EvaluateConfig", "score an autoencoder"
    ),
    "predict": Entry(
        "transfer.predict.__main__", "transfer.predict.config:PredictConfig", "write a mask for every image of a folder"
    ),
    "suggest": Entry(
        "transfer.suggest.__main__", "transfer.suggest.config:SuggestConfig", "choose the images to label next"
    ),
    "export": Entry(
        "transfer.export.__main__", "transfer.export.config:ExportConfig", "write a network for other programs, checked"
    ),
    "gradcam": Entry(
        "transfer.gradcam.__main__",
        "transfer.gradcam.config:GradCamConfig",
        "show which parts of an image support each class",
    ),
    "demo": Entry(
        "transfer.demo.__main__", "transfer.demo.config:DemoConfig", "try a network on a page in the browser"
    ),
    "compare": Entry(
        "transfer.compare.__main__", "transfer.compare.config:CompareConfig", "compare runs on the same test images"
    ),
    "study": Entry(
        "transfer.study.__main__",
        "transfer.study.config:StudyConfig",
        "compare initialisations over label fractions and seeds",
    ),
    "analyze": Entry(
        "transfer.analyze.__main__",
        "transfer.analyze.config:AnalyzeConfig",
        "the doctor by its old name",
    ),
}
COMPLETION = """\
_recon2seg() {
  local words
  case ${COMP_WORDS[1]} in
%s
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="%s"
  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _recon2seg recon2seg
"""
"""Flags stand in the script, so that the shell need not start Python at every tab."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first word names, and return its exit code; without a word, list the commands."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    try:
        refuse_foreign("common", "pretrain", "transfer")
    except ImportError as error:
        return _refuse(str(error))
    if name in COMMANDS:
        return import_module(COMMANDS[name].module).main(rest)
    answers = {"--help": usage, "-h": usage, "--version": lambda: version() + "\n", "--completion": completion}
    if name not in answers:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        return _refuse(f"there is no command {name}; " + (f"did you mean {close[0]}?" if close else "see --help"))
    from common.cli import command  # after the check that no other `common` is in the way

    return command()(lambda _: print(answers[name](), end=""))([])


def usage() -> str:
    """Every command with one line, for a screen."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {entry.does}" for name, entry in COMMANDS.items()]
    return (
        "usage: recon2seg COMMAND [FLAGS]    (COMMAND --help explains its flags)\n\n"
        "Pretrain an autoencoder on images, then fine-tune its encoder on few masks.\n\n"
        + "\n".join(lines)
        + "\n\n  --version     print the version\n  --completion  print a script of tab completion for bash\n"
    )


def completion() -> str:
    """A script that completes commands and their flags in bash."""
    cases = [f'    {name}) words="{" ".join(_flags(entry.config))}" ;;' for name, entry in COMMANDS.items()]
    return COMPLETION % ("\n".join(cases), " ".join([*COMMANDS, "--help", "--version", "--completion"]))


def _flags(config: str) -> list[str]:
    from common.config.settings import settings_of  # later, as above

    module, _, name = config.partition(":")
    kind = getattr(import_module(module), name)
    settings = [setting for setting in settings_of(kind, kind()) if not setting.positional]
    switches = [f"--no_{setting.name}" for setting in settings if not setting.metavar]
    return ["--help", "--help_all", *(f"--{setting.name}" for setting in settings), *switches]


def _refuse(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
