"""Tar files of photographs: which a pattern names, what they hold, and what is wrong with them."""

import http.server
import io
import shutil
import tarfile
import threading
from functools import partial
from pathlib import Path

import pytest

from common.data.shards.files import photos_in, refuse_damaged, shards_of
from common.errors import UserError


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize("pattern", ["{0..2}.tar", "*.tar", "{0,1,2}.tar", "[0-2].tar"])
def test_a_pattern_names_files(tmp_path, pattern):
    for name in ("2.tar", "0.tar", "1.tar", "a.txt"):
        (tmp_path / name).touch()
    assert shards_of(tmp_path / pattern) == [str(tmp_path / f"{number}.tar") for number in range(3)]


@pytest.mark.parametrize("scheme", ["http", "https", "s3", "gs"])
def test_an_address_keeps_its_slashes_though_it_was_a_path(scheme):
    found = shards_of(Path(f"{scheme}://host/a-{{08..10}}.tar"))
    assert found == [f"{scheme}://host/a-{number}.tar" for number in ("08", "09", "10")]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("{0..2}.tar", "matches no file: there is no {}/1.tar, {}/2.tar"),
        ("b*.tar", "matches no file: there is no {}/b*.tar"),
        ("{0..2.tar", "is no pattern"),
    ],
)
def test_a_pattern_that_names_a_file_that_is_not_there_is_refused(tmp_path, pattern, sentence):
    (tmp_path / "0.tar").touch()
    with pytest.raises(UserError) as refused:
        shards_of(tmp_path / pattern)
    assert sentence.format(tmp_path, tmp_path) in str(refused.value)


def test_photographs_come_in_their_order_and_nothing_else_does(tmp_path):
    files = {"b.jpg": b"B", "b.json": b"{}", "a/1.png": b"A", "a/1.mask.png": b"M", "c.txt": b"C"}
    shard = str(write_tar(tmp_path / "0.tar", files))
    assert [(photo.key, photo.data) for photo in photos_in(shard)] == [("b", b"B"), ("a/1", b"A")]
    assert [photo.name for photo in photos_in(shard)] == [f"{shard}: b.jpg", f"{shard}: a/1.png"]


@pytest.mark.parametrize("name", ["2023.05.{:02}.jpg", "in/well.{}.png"])
def test_names_with_dots_that_make_one_of_many_photographs_are_refused(tmp_path, name):
    shard = str(write_tar(tmp_path / "0.tar", {name.format(i): b"A" for i in range(9)}))
    with pytest.raises(UserError, match=r"holds 9 images called (2023|in/well), because a name ends at its first dot"):
        list(photos_in(shard))


@pytest.mark.parametrize("kept", [7680, 5000, 700, 100, 0])
def test_a_shard_that_is_cut_off_is_named_before_any_photograph_is_read(tmp_path, kept):
    shard = write_tar(tmp_path / "0.tar", {f"{name}.jpg": bytes([1]) * 2000 for name in "abc"})
    shard.write_bytes(shard.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"the shard .*0.tar (is cut off: its end is missing|is no tar file): write it"):
        refuse_damaged([str(shard)])


@pytest.mark.parametrize(
    ("files", "sentence"), [({"a.txt": b"A"}, "holds no images"), ({}, "holds no images"), (None, "is no tar file")]
)
def test_a_shard_without_images_is_named(tmp_path, files, sentence):
    whole = write_tar(tmp_path / "0.tar", {"a.jpg": b"A"})
    other = tmp_path / "1.tar"
    if files is None:
        other.write_bytes(b"text " * 1000)
    else:
        write_tar(other, files)
    refuse_damaged([str(whole)])
    with pytest.raises(UserError, match=f"1.tar {sentence}"):
        refuse_damaged([str(whole), str(other)])


def test_a_shard_that_ends_within_a_photograph_is_named_when_it_is_read(tmp_path):
    shard = write_tar(tmp_path / "0.tar", {f"{name}.jpg": bytes([1]) * 2000 for name in "abc"})
    shard.write_bytes(shard.read_bytes()[:7000])
    photos = photos_in(str(shard))
    assert next(photos).key == "a"
    with pytest.raises(UserError, match=r"cannot read the shard .*0.tar \(unexpected end of data\)"):
        list(photos)


@pytest.fixture
def address(tmp_path):
    """A server of the files of a folder on this machine."""
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the library reads addresses by curl")
def test_a_shard_is_read_from_a_server_and_one_that_is_not_there_is_named(tmp_path, address, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    write_tar(tmp_path / "0.tar", {"a.jpg": b"A", "b.jpg": b"B"})
    there, missing = shards_of(Path(f"{address}/{{0,1}}.tar"))
    assert [photo.key for photo in photos_in(there)] == ["a", "b"]
    first = photos_in(there)
    assert next(first).key == "a"
    first.close()  # its client is stopped half-way
    with pytest.raises(UserError, match=rf"cannot read the shard {missing} \(its client ended with code 22\)"):
        list(photos_in(missing))
