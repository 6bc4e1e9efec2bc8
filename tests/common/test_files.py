"""Where the cache is."""

from pathlib import Path

import pytest

from common.errors import UserError
from common.files import default_cache_dir


def test_a_user_without_a_home_is_told_where_to_name_the_cache(monkeypatch):
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("RECON2SEG_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(UserError, match=r"\$RECON2SEG_CACHE or --cache_dir"):
        default_cache_dir()
    monkeypatch.setenv("RECON2SEG_CACHE", "here")
    assert default_cache_dir() == Path("here")
