"""What a page says of how its run was made."""

import pytest

from common.report.provenance import anew


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        ("python -m transfer.main --lr 0.1 --output_dir run", None),
        ("not recorded", None),
        ("python -m transfer.main --resume --output_dir run", "python -m transfer.main --config run/config.yaml"),
        ("recon2seg transfer --output-dir='my run' --resume", "recon2seg transfer --config 'my run/config.yaml'"),
    ],
)
def test_a_run_that_went_on_is_repeated_by_its_settings(typed, again):
    assert anew(typed) == (again or typed)
