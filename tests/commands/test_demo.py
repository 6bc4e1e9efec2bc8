"""`transfer.demo`: what the page says of an image is what the network predicts; what it refuses it says in words."""

import base64
import http.client
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from queue import Queue
from unittest.mock import Mock
from urllib.parse import quote

import numpy as np
import pytest
import torch
from datasets import photo, write_tree
from PIL import Image
from run_checks import refusal

from common.colours import heat
from common.data.batches import to_images
from common.data.fitting import resize_image
from common.errors import UserError
from common.report.images import photograph
from transfer.demo import answers
from transfer.demo.__main__ import main as demo
from transfer.demo.answers import Answers
from transfer.demo.config import DemoOptions
from transfer.demo.server import Server
from transfer.gradcam.cam import COLOURS, class_activation, default_layers, upscale
from transfer.segmenter import load_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def file(tmp_path) -> Path:
    return write_tree(tmp_path, {"a b.png": photo(3, height=60, width=90)}) / "a b.png"


def opened(uri: str) -> np.ndarray:
    """The pixels of a data URI, with their transparency."""
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGBA"))


def test_mask_shares_and_confidence_are_those_of_the_network(seg, file):
    model = load_model(seg, "cpu")
    told = Answers(model)(file.read_bytes(), file.name)
    theirs = model.predict(file, probabilities=True)
    assert told["size"] == "90 x 60 pixels"
    assert {one["name"]: one["share"] for one in told["classes"]} == {
        name: pytest.approx((theirs.mask == k).mean()) for k, name in enumerate(theirs.names)
    }
    assert told["sure"] == pytest.approx(theirs.probabilities.max(0).mean())
    mask, confidence, *_ = told["layers"]
    drawn, colours = opened(mask["picture"]), {one["name"]: one["colour"] for one in told["classes"]}
    assert np.array_equal(drawn[..., 3] > 0, theirs.mask != theirs.background)
    for k, name in enumerate(theirs.names):
        if k != theirs.background and (theirs.mask == k).any():
            red, green, blue, _ = drawn[theirs.mask == k][0]
            assert colours[name] == f"#{red:02x}{green:02x}{blue:02x}"
    assert confidence["picture"] == photograph(heat(theirs.probabilities.max(0)[None])[0], side=1024)


def test_an_image_of_more_than_8_bits_is_read_by_its_own_range_which_is_told(seg, tmp_path):
    deep = photo(3, height=60, width=90)[..., 0].astype(np.uint16) * 8
    file = write_tree(tmp_path, {"deep.png": deep}) / "deep.png"
    told = Answers(load_model(seg, "cpu"))(file.read_bytes(), file.name)
    (note,) = told["notes"]
    assert note.startswith("1 image is of more than 8 bits: values from ")
    shown = opened(told["photo"])[..., 0]
    assert shown.max() - shown.min() > 200, "not nearly black"


def test_the_support_for_a_class_is_its_activation_map_at_the_encoder(seg, file):
    model = load_model(seg, "cpu")
    told = Answers(model)(file.read_bytes(), file.name)
    image = to_images(resize_image(photo(3, height=60, width=90), model.input_size)[None])
    layer = default_layers(model.net, model.input_size)["encoder"]
    named = {layer["name"]: layer["picture"] for layer in told["layers"]}
    present = [k for k, name in enumerate(model.names) if f"support for {name}" in named]
    assert len(present) > 1
    assert present == torch.unique(torch.from_numpy(model.predict(file).mask)).tolist()
    for k in present:
        found = class_activation(model.net, image, layer=layer, target_class=k)
        colours = heat(upscale(found.map, (60, 90)).numpy(), COLOURS)[0]
        assert named[f"support for {model.names[k]}"] == photograph(colours, side=1024)


def test_an_image_whose_probabilities_would_fill_the_memory_is_made_smaller(seg, file, monkeypatch):
    model = load_model(seg, "cpu")
    monkeypatch.setattr(answers, "NUMBERS", 30 * 45 * len(model.names))
    told = Answers(model)(file.read_bytes(), file.name)
    assert (told["size"], told["notes"]) == ("45 x 30 pixels", ["made smaller first, from 90 x 60 pixels"])


def asked(server: Server, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


@pytest.fixture
def server(seg) -> Iterator[Server]:
    """A page that answers, at a port of its own."""
    with Server(DemoOptions(model_path=seg, port=0, device="cpu")) as found:
        thread = threading.Thread(target=found.run, args=(Answers(load_model(seg, "cpu")), str(seg)))
        thread.start()
        asked(found, "GET", "/")
        yield found
        found.shutdown()
        thread.join()


def test_the_page_answers_for_an_image(server, seg, file):
    status, text = asked(server, "GET", "/")
    assert status == 200
    assert str(seg) in text
    status, text = asked(server, "POST", f"/segment?name={quote(file.name)}", file.read_bytes())
    assert status == 200
    assert json.loads(text) == Answers(load_model(seg, "cpu"))(file.read_bytes(), file.name)


def test_a_file_that_is_no_image_is_refused_in_a_sentence_by_its_name_alone(server):
    status, text = asked(server, "POST", "/segment?name=..%2F..%2Fnotes.txt", b"no image")
    assert status == 422
    assert json.loads(text)["error"].startswith("cannot read the image file notes.txt")
    assert asked(server, "POST", "/segment?name=empty.png", b"")[0] == 422


def test_what_fails_is_said_on_the_page_and_on_the_terminal(server, monkeypatch):
    printed = Queue()
    monkeypatch.setattr(server, "handle_error", lambda *_: printed.put(sys.exception()))
    for error, said in (
        (RuntimeError("a mistake of ours"), "the program failed: look at its terminal"),
        (MemoryError(), "the computer is out of memory: take a smaller image"),
    ):
        monkeypatch.setattr(server, "answer", Mock(side_effect=error))
        status, text = asked(server, "POST", "/segment?name=a.png", b"a")
        assert (status, json.loads(text)["error"]) == (500, said)
        assert printed.get(timeout=60) is error


def test_a_browser_that_leaves_is_no_error(server, capsys):
    for error in (BrokenPipeError(), ConnectionResetError(), TimeoutError(), RuntimeError("a mistake of ours")):
        try:
            raise error
        except (OSError, RuntimeError):
            server.handle_error(None, ("127.0.0.1", 1))
        assert bool(capsys.readouterr().err) == isinstance(error, RuntimeError)


def test_only_this_page_may_ask(server, file):
    data = file.read_bytes()
    assert asked(server, "GET", "/", Host="elsewhere.example")[0] == 403
    assert asked(server, "POST", "/segment?name=a.png", data, Origin="http://elsewhere.example")[0] == 403
    own = f"http://localhost:{server.server_port}"
    assert asked(server, "POST", "/segment?name=a.png", data, Origin=own, Host=own.removeprefix("http://"))[0] == 200


@pytest.mark.parametrize("path", ["/etc/passwd", "/../config.py", "/static/page.js"])
def test_nothing_but_the_page_can_be_had(server, path):
    assert asked(server, "GET", path)[0] == 404


def test_a_file_that_is_too_large_is_refused_before_it_is_read(server):
    status, text = asked(server, "POST", "/segment?name=a.png", **{"Content-Length": str(2**40)})
    assert (status, json.loads(text)["error"]) == (413, "the file has more than 256 MiB")
    assert asked(server, "POST", "/elsewhere", b"a")[0] == 400


def test_a_port_that_is_taken_is_refused(server, capsys, seg):
    said = refusal(demo, ["--model_path", seg, "--port", server.server_port], capsys)
    assert said.startswith(f"error: --port {server.server_port} of --host 127.0.0.1 can't be had (Address already in")
    assert said.endswith("give another --port, 0 takes a free one")


def test_a_network_or_an_address_that_is_not_there_is_refused(capsys):
    assert "--model_path is missing" in refusal(demo, [], capsys)
    said = refusal(demo, ["--model_path", "nowhere.pth", "--port", "0"], capsys)
    assert said == "error: cannot read nowhere.pth: No such file or directory"
    with pytest.raises(UserError, match="0 takes a free one"):
        Server(DemoOptions(host="no.such.host.example", port=0))


def test_a_page_that_others_reach_says_so_and_answers_by_any_name(seg, capsys):
    with Server(DemoOptions(model_path=seg, port=0, host="0.0.0.0")) as found:
        assert found.asks_for_us("laptop.example:8000", None)
        assert not found.asks_for_us("laptop.example:8000", "http://elsewhere.example")
        thread = threading.Thread(target=found.run, args=(Answers(load_model(seg, "cpu")), "seg"))
        thread.start()
        assert asked(found, "GET", "/", Host="laptop.example")[0] == 200
        found.shutdown()
        thread.join()
    assert "note: whoever reaches 0.0.0.0 can use this page" in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_closes_the_page_and_says_what_is_next(seg):
    call = [sys.executable, "-m", "transfer.demo", "--model_path", str(seg), "--port", "0", "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # what runs in the background ignores Ctrl-C
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(call, **pipes, env=environment, preexec_fn=heard) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("page: http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 0
    assert "the page is closed\nnext: python -m transfer.predict " in rest
