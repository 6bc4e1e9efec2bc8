"""The checks, in the order in which their findings are told."""

from collections.abc import Callable, Iterable

from common.doctor.checks import copies, files, masks, sizes, splits
from common.doctor.evidence import Evidence
from common.doctor.finding import Finding

Check = Callable[[Evidence], Iterable[Finding]]
CHECKS: list[Check] = [
    files.unreadable,
    masks.unreadable,
    masks.unknown_values,
    masks.ambiguous_255,
    splits.copies_across,
    splits.trained_on_test_images,
    splits.test_images,
    splits.absent_classes,
    masks.empty,
    masks.contradictory,
    files.lost,
    files.blank,
    files.named_wrong,
    sizes.objects,
    sizes.outliers,
    sizes.brightness,
    copies.within,
]
"""To add a check, write a function that yields findings, and add it here."""


def findings_of(evidence: Evidence) -> list[Finding]:
    """All that was found, errors first."""
    found = [*evidence.findings, *(finding for check in CHECKS for finding in check(evidence))]
    return sorted(found, key=lambda finding: ("error", "warning", "info").index(finding.level))
