"""Fetching the Oxford pets, from archives that the test makes."""

import hashlib
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from datasets import write_oxford
from torchvision.datasets import OxfordIIITPet

from common.config.groups import DataConfig
from common.data.load import load_labelled
from common.errors import UserError


@pytest.fixture
def archives(tmp_path, monkeypatch):
    """The two archives of the data set, small, on a server of this machine, where torchvision looks for them."""
    write_oxford(tmp_path / "source")
    resources = []
    for name in ("images", "annotations"):
        path = tmp_path / f"{name}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            archive.add(tmp_path / "source" / name, arcname=name)
        resources.append((path.name, hashlib.md5(path.read_bytes()).hexdigest()))
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        resources = [(f"http://127.0.0.1:{server.server_port}/{name}", digest) for name, digest in resources]
        monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", tuple(resources))
        yield resources
        server.shutdown()


def load(root, cache):
    return load_labelled(DataConfig(data_dir=root, download=True, image_size=64, cache_dir=cache))


@pytest.mark.filterwarnings("ignore:.*filter extracted tar archives:DeprecationWarning")
def test_the_pets_are_fetched_once_and_then_found(archives, tmp_path, monkeypatch):
    first = load(tmp_path / "pets", tmp_path / "cache")
    assert len(first.test) == 4
    assert (tmp_path / "pets/oxford-iiit-pet/annotations/trimaps/Bengal_0.png").exists()
    monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", (("http://127.0.0.1:9/nowhere", ""),))
    assert load(tmp_path / "pets", tmp_path / "cache").test.keys == first.test.keys


@pytest.mark.parametrize("broken", ["gone", "changed"])
def test_archives_that_cannot_be_had_or_are_others_are_refused(broken, archives, tmp_path, monkeypatch):
    address = "http://127.0.0.1:9/images.tar.gz" if broken == "gone" else archives[0][0]
    monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", ((address, "0" * 32), archives[1]))
    with pytest.raises(UserError, match=r"cannot download the Oxford-IIIT Pet .* images/ and annotations/"):
        load(tmp_path / "pets", tmp_path / "cache")


def test_a_download_needs_a_folder():
    with pytest.raises(UserError, match="--data_dir"):
        load_labelled(DataConfig(download=True))
