"""`make data` against a server on this machine that works, cuts off, lies, stalls and is slow."""

import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from disentangled.data import __main__ as command
from disentangled.data import download
from disentangled.data.download import RemoteFile, fetch

CONTENT = bytes(range(256)) * 400


class Server(ThreadingHTTPServer):
    """Serves each path in its own bad way and counts the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = 0
        self.stopping = threading.Event()

    def file(self, behaviour: str) -> RemoteFile:
        return RemoteFile(
            name="sprites.hdf5",
            url=f"http://127.0.0.1:{self.server_port}/{behaviour}",
            sha256=hashlib.sha256(CONTENT).hexdigest(),
            n_bytes=len(CONTENT),
        )


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        getattr(self, self.path.strip("/"))()

    def log_message(self, *_: object) -> None:
        """Keep stderr for the progress bar."""

    def start(self, status: int = 200, length: int = len(CONTENT)) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def good(self) -> None:
        self.start()
        self.wfile.write(CONTENT)

    def cut_off(self) -> None:
        self.start()
        self.wfile.write(CONTENT[: len(CONTENT) // 2])

    def cut_off_once(self) -> None:
        (self.cut_off if self.server.requests == 1 else self.good)()

    def cut_off_in_silence(self) -> None:
        """Half the content and no word of how long it should be."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 2])

    def lie(self) -> None:
        page = b"<html>please log in</html>"
        self.start(length=len(page))
        self.wfile.write(page)

    def missing(self) -> None:
        self.start(404, 0)

    def slow(self) -> None:
        self.start()
        for piece in range(0, len(CONTENT), len(CONTENT) // 8):
            self.wfile.write(CONTENT[piece : piece + len(CONTENT) // 8])
            time.sleep(0.05)

    def stall(self) -> None:
        self.start()
        self.wfile.write(CONTENT[:1000])
        self.wfile.flush()
        self.server.stopping.wait(20)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.stopping.set()
        running.shutdown()
        thread.join()


def test_a_good_file_is_fetched_once(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = fetch(server.file("good"), tmp_path)
    assert path.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [path]
    assert "100%" in capsys.readouterr().err
    assert fetch(server.file("good"), tmp_path) == path
    assert server.requests == 1


def test_a_slow_file_arrives(server: Server, tmp_path: Path) -> None:
    path = fetch(server.file("slow"), tmp_path, timeout=5, progress=False)
    assert path.read_bytes() == CONTENT


def test_a_broken_connection_is_tried_again(server: Server, tmp_path: Path) -> None:
    path = fetch(server.file("cut_off_once"), tmp_path, progress=False)
    assert path.read_bytes() == CONTENT
    assert server.requests == 2
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("behaviour", "error", "message", "n_requests"),
    [
        ("cut_off", ConnectionError, "make data", 3),
        ("stall", ConnectionError, "timed out", 3),
        ("missing", ConnectionError, "404", 1),
        ("lie", ValueError, "sha256", 1),
        ("cut_off_in_silence", ValueError, "sha256", 1),
    ],
)
def test_nothing_is_left_of_a_bad_download(
    server: Server,
    tmp_path: Path,
    behaviour: str,
    error: type[Exception],
    message: str,
    n_requests: int,
) -> None:
    file = server.file(behaviour)
    with pytest.raises(error, match=message) as caught:
        fetch(file, tmp_path, timeout=0.3, progress=False)
    assert file.url in str(caught.value)
    assert server.requests == n_requests
    assert list(tmp_path.iterdir()) == []


def test_no_server_at_all(server: Server, tmp_path: Path) -> None:
    file = server.file("good")._replace(url="http://127.0.0.1:9/good")
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:9/good"):
        fetch(file, tmp_path, progress=False)


def test_a_wrong_file_in_place_stays_until_a_right_one_is_there(
    server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "sprites.hdf5"
    path.write_bytes(b"an older file")
    with pytest.raises(ValueError, match="sha256"):
        fetch(server.file("lie"), tmp_path, progress=False)
    assert path.read_bytes() == b"an older file"
    fetch(server.file("good"), tmp_path, progress=False)
    assert path.read_bytes() == CONTENT


def test_what_a_killed_download_left_is_removed(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".partial").mkdir()
    (tmp_path / ".partial" / "half").write_bytes(b"...")
    path = fetch(server.file("good"), tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == [path]


def test_the_command(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(download, "FILES", (server.file("good"),))
    monkeypatch.setenv("DISENTANGLED_DATA", str(tmp_path / "named"))
    assert command.main([]) == 0
    assert (tmp_path / "named" / "sprites.hdf5").read_bytes() == CONTENT
    assert str(tmp_path / "named") in capsys.readouterr().out
    monkeypatch.setattr(download, "FILES", (server.file("lie"),))
    assert command.main(["download", "--root", str(tmp_path / "other")]) == 1
    assert "expected content with sha256" in capsys.readouterr().err
    assert list((tmp_path / "other").iterdir()) == []


def test_the_official_file_has_a_checksum() -> None:
    (file,) = download.FILES
    assert file.name.endswith(".hdf5")
    assert file.url.startswith("https://")
    assert file.url.endswith(file.name)
    assert len(bytes.fromhex(file.sha256)) == 32
