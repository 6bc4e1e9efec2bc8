"""A data set from its folder to what is told, and written, of it."""

import json
from collections.abc import Sequence
from pathlib import Path

from common.data.split import folds_for
from common.doctor.checks.registry import findings_of
from common.doctor.config import DoctorConfig
from common.doctor.evidence import SPLIT_EMPTY, Evidence, gather
from common.doctor.finding import Finding, exit_code
from common.doctor.repair import CLASSES, LOG, Repaired, refuse_target, repair
from common.doctor.told import as_json, lines
from common.files import write_json
from common.run.next_step import command_line, last_lines, typed_flags
from common.say import say
from common.terminal import spinner
from common.words import counted

PAGE, SHEET, FINDINGS = "report.html", "contact_sheet.png", "findings.json"
PRETRAINED = "runs/ae"
"""Where the suggested pretraining leaves the encoder that the suggested training begins with."""


def examine(config: DoctorConfig) -> int:
    """Look at every file, tell what was found, and return the exit code."""
    fix = config.doctor.fix
    if fix is not None:
        refuse_target(fix, config.data.data_dir)
    evidence = gather(config)
    findings = findings_of(evidence)
    repaired = None if fix is None else repair(evidence, findings, fix)
    if config.doctor.output_dir is not None:
        _write(evidence, findings, config.doctor.output_dir)
    if config.doctor.json:
        print(json.dumps(as_json(evidence, findings), indent=2))
    else:
        _tell(evidence, findings, repaired)
    return exit_code(findings)


def _write(evidence: Evidence, findings: Sequence[Finding], folder: Path) -> None:
    from common.doctor.page import write_page  # now: most look at the terminal alone
    from common.doctor.pictures import write_sheet

    write_json(folder / FINDINGS, as_json(evidence, findings))
    if evidence.used and evidence.classes is not None:
        with spinner("drawing the contact sheet"):
            write_sheet(folder / SHEET, evidence.used, evidence.classes, channels=evidence.config.data.channels)
    write_page(evidence, findings, folder / PAGE)


def _tell(evidence: Evidence, findings: Sequence[Finding], repaired: Repaired | None) -> None:
    folder = evidence.config.doctor.output_dir
    say(*lines(evidence, findings))
    places: dict[str, object] = {} if folder is None else {"page": folder / PAGE}
    if folder is not None and evidence.used:
        places["pictures"] = folder / SHEET
    if repaired is not None:
        counts = f"{counted(repaired.images, 'image')}, {counted(repaired.left_out, 'file')} left out"
        places[f"repaired copy ({counts})"] = repaired.folder
        places[f"log of {counted(repaired.changes, 'change')}"] = repaired.folder / LOG
    last_lines(places=places, steps=next_steps(evidence, findings, repaired))


def next_steps(evidence: Evidence, findings: Sequence[Finding], repaired: Repaired | None) -> list[str]:
    """What may follow: a look at the copy; or the page, and a copy without errors or the trainings on these data."""
    config = evidence.config
    flags = typed_flags(config, without=vars(config.doctor))
    photographs = config.doctor.unlabelled_dir
    if repaired is not None:
        checked = {**flags, "data_dir": repaired.folder, "classes": repaired.folder / CLASSES}
        patterns = ("images", "masks", "join", "pages")
        return [
            command_line("common.doctor", **{name: value for name, value in checked.items() if name not in patterns})
        ]
    steps = []
    if config.doctor.output_dir is None:
        steps.append(command_line("common.doctor", **flags, unlabelled_dir=photographs, output_dir="runs/doctor"))
    if exit_code(finding for finding in findings if finding.kind != SPLIT_EMPTY) == 2:
        return [*steps, *([command_line("common.doctor", **flags, fix="REPAIRED")] if evidence.used else [])]
    folds = folds_for(evidence.different)
    if folds is None and exit_code(findings) == 2:
        return steps  # no training can begin
    same = {name: flags[name] for name in ("image_size", "fit", "channels") if name in flags}
    if photographs is not None:
        seen = {**same, "fit": "crop"} if evidence.used and evidence.fit == "crop" else same  # which has no masks
        steps.append(command_line("pretrain.main", data_dir=photographs, **seen, output_dir=PRETRAINED))
    if evidence.used:
        more = {
            "pretrained_encoder": None if photographs is None else PRETRAINED,
            "folds": folds,
        }
        steps.append(command_line("transfer.main", **flags, **more, output_dir="runs/seg"))
    return steps
