"""A data set from its folder to what is told, and written, of it."""

import json
from collections.abc import Sequence
from pathlib import Path

from common.doctor.checks.registry import findings_of
from common.doctor.config import DoctorConfig
from common.doctor.evidence import Evidence, gather
from common.doctor.finding import Finding, exit_code
from common.doctor.repair import CLASSES, LOG, Repaired, refuse_target, repair
from common.doctor.told import as_json, lines
from common.files import write_json
from common.run.next_step import command_line, last_lines, typed_flags
from common.say import say
from common.terminal import spinner
from common.words import counted

PAGE, SHEET, FINDINGS = "report.html", "contact_sheet.png", "findings.json"


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
            write_sheet(folder / SHEET, evidence.used, evidence.classes)
    write_page(evidence, findings, folder / PAGE)


def _tell(evidence: Evidence, findings: Sequence[Finding], repaired: Repaired | None) -> None:
    config, folder = evidence.config, evidence.config.doctor.output_dir
    say(*lines(evidence, findings))
    places = {} if folder is None else {"page": folder / PAGE, "pictures": folder / SHEET}
    if repaired is not None:
        counts = f"{counted(repaired.images, 'image')}, {counted(repaired.left_out, 'file')} left out"
        places[f"repaired copy ({counts})"] = repaired.folder
        places[f"log of {counted(repaired.changes, 'change')}"] = repaired.folder / LOG
        checked = {"data_dir": repaired.folder, "classes": repaired.folder / CLASSES}
        last_lines(places=places, steps=[command_line("common.doctor", **checked)])
    elif folder is None:
        last_lines(steps=[command_line("common.doctor", **typed_flags(config), output_dir="runs/doctor")])
    else:
        last_lines(places=places)
