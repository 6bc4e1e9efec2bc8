"""The page's server: one page with its script and style, and an answer to each image. Imports no torch."""

import json
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment

import common.report
from common.errors import UserError
from common.failures import what_failed
from common.say import note, say
from recon2seg.packages import version
from transfer.demo.config import LOOPBACK, DemoOptions

HERE, REPORT = Path(__file__).resolve().parent / "static", Path(common.report.__file__).resolve().parent
LARGEST = 2**28
"""Bytes of the largest file that is taken."""
POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: nothing of other machines."""
Answer = Callable[[bytes, str], dict[str, Any]]


class Server(ThreadingHTTPServer):
    """Holds the port from the start, and answers once the network is loaded.

    Raises UserError for a port or an address that can't be had.
    """

    daemon_threads = True

    def __init__(self, options: DemoOptions) -> None:
        self.options, self.turn = options, threading.Lock()
        self.answer: Answer | None = None
        self.model = ""
        try:
            super().__init__((options.host, options.port), Handler)
        except OSError as error:
            what = f"--port {options.port} of --host {options.host}"
            raise UserError(
                f"{what} can't be had ({error.strerror}): give another --port, 0 takes a free one"
            ) from None

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{'127.0.0.1' if self.options.private else self.options.host}:{self.server_port}/"

    def run(self, answer: Answer, model: str) -> None:
        """Answer until Ctrl-C or SIGTERM, for a network of this name."""
        self.answer, self.model = answer, model
        if not self.options.private:
            note(f"whoever reaches {self.options.host} can use this page: it asks for no password")
        with suppress(KeyboardInterrupt):
            say(f"page: {self.address}", "Ctrl-C ends it")
            sys.stdout.flush()  # whoever reads it from a pipe or a file waits for it
            self.serve_forever(poll_interval=0.2)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what failed, but for a browser that left."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)

    def asks_for_us(self, host: str, origin: str | None) -> bool:
        """Whether a request means this page, and does not come by way of a page of somebody else's."""
        own = not self.options.private or host in {f"{name}:{self.server_port}" for name in LOOPBACK}
        return own and (origin is None or urlsplit(origin).netloc == host)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """Send the page, its style or its script."""
        files = {"/": ("text/html", page), "/style.css": ("text/css", style), "/page.js": ("text/javascript", script)}
        if not self._asks_for_us():
            return
        if self.path not in files:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", "there is no such page")
            return
        kind, make = files[self.path]
        self._send(HTTPStatus.OK, kind, make(self.server.model) if make is page else make())

    def do_POST(self) -> None:
        """Answer for the image that the request holds, or say in a sentence why not."""
        if not self._asks_for_us():
            return
        address, length = urlsplit(self.path), self.headers.get("Content-Length", "")
        if address.path != "/segment" or not length.isdecimal():
            self._refuse(HTTPStatus.BAD_REQUEST, "an image is sent to /segment, with its Content-Length")
            return
        if int(length) > LARGEST:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the file has more than {LARGEST >> 20} MiB")
            return
        name = PurePosixPath(*parse_qs(address.query).get("name", ["image"])).name or "image"
        data = self.rfile.read(int(length))
        assert self.server.answer is not None, "requests wait until it is there"
        try:
            with self.server.turn:  # one image at a time has the network
                told = self.server.answer(data, name)
        except UserError as error:
            self._send(HTTPStatus.UNPROCESSABLE_ENTITY, "application/json", json.dumps({"error": str(error)}))
            return
        except Exception as error:
            sentence = what_failed(error, (), "take a smaller image") or "the program failed: look at its terminal"
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)
            raise
        self._send(HTTPStatus.OK, "application/json", json.dumps(told))

    def _asks_for_us(self) -> bool:
        ours = self.server.asks_for_us(self.headers.get("Host", ""), self.headers.get("Origin"))
        if not ours:
            self._refuse(HTTPStatus.FORBIDDEN, f"this page is at {self.server.address}")
        return ours

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        """Refuse a request whose body was not read, so that the connection can't go on."""
        self.close_connection = True
        self._send(status, "application/json", json.dumps({"error": sentence}))

    def _send(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(len(body)),
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            **({"Connection": "close"} if self.close_connection else {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of requests."""


def page(model: str) -> str:
    """The page, with the name of the network."""
    template = Environment(autoescape=True).from_string((HERE / "page.html").read_text("utf-8"))
    return template.render(model=model, version=version())


def style() -> str:
    """The style of reports, and what this page adds."""
    return (REPORT / "style.css").read_text("utf-8") + (HERE / "page.css").read_text("utf-8")


def script() -> str:
    """The page's script."""
    return (HERE / "page.js").read_text("utf-8")
