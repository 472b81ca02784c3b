"""`make data` against a server on this machine that works, cuts off, lies, stalls and is slow."""

import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from disentangled.data import __main__ as command
from disentangled.data import cars3d, download, smallnorb
from disentangled.data.download import RemoteFile, fetch

CONTENT = bytes(range(256)) * 400


class Server(ThreadingHTTPServer):
    """Serves each path in its own bad way and counts the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = 0
        self.stopping = threading.Event()

    def file(
        self, behaviour: str, name: str = "sprites.hdf5", algorithm: str = "sha256"
    ) -> RemoteFile:
        return RemoteFile(
            name=name,
            url=f"http://127.0.0.1:{self.server_port}/{behaviour}",
            checksum=f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest()}",
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


def test_an_md5_is_checked_as_well(server: Server, tmp_path: Path) -> None:
    path = fetch(server.file("good", algorithm="md5"), tmp_path, progress=False)
    fetch(server.file("good", algorithm="md5"), tmp_path, progress=False)
    assert server.requests == 1
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(ValueError, match=r"expected content with md5:[0-9a-f]{32}, got another"):
        fetch(server.file("lie", algorithm="md5"), tmp_path, progress=False)


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
    killed = tmp_path / f"{download.PARTIAL}abc"
    killed.mkdir()
    for name in ("half", download.LOCK):
        (killed / name).write_bytes(b"...")
    path = fetch(server.file("good"), tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == [path]


def test_the_command(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    norb = server.file("good", "norb.gz", "md5")._replace(n_bytes=None)
    monkeypatch.setattr(
        download, "FILES", {"dsprites": (server.file("good"),), "smallnorb": (norb,)}
    )
    monkeypatch.setenv("DISENTANGLED_DATA", str(tmp_path / "named"))
    assert command.main([]) == 0
    assert (tmp_path / "named" / "sprites.hdf5").read_bytes() == CONTENT
    assert str(tmp_path / "named") in capsys.readouterr().out
    assert not (tmp_path / "named" / "norb.gz").exists()
    # by name, and of unknown size
    assert command.main(["download", "smallnorb"]) == 0
    assert (tmp_path / "named" / "norb.gz").read_bytes() == CONTENT
    assert "norb.gz, size unknown, from http" in capsys.readouterr().out
    monkeypatch.setattr(download, "FILES", {"dsprites": (server.file("lie"),)})
    assert command.main(["download", "--root", str(tmp_path / "other")]) == 1
    assert "expected content with sha256" in capsys.readouterr().err
    assert list((tmp_path / "other").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["download", "mnist"],
            "dsprites, smallnorb, cars3d, shapes3d, cmnist, flowers102, got ['mnist']",
        ),
        (["agreement", "cars3d"], "agreement takes no data set"),
        (["upload"], "invalid choice"),
    ],
)
def test_the_command_refuses_what_it_does_not_know(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert message in capsys.readouterr().err


def test_the_official_files_have_addresses_and_checksums() -> None:
    assert {name: len(files) for name, files in download.FILES.items()} == {
        "dsprites": 1, "smallnorb": 6, "cars3d": 1, "shapes3d": 1, "cmnist": 1,
        "flowers102": 1,
    }  # fmt: skip
    digests = []
    for file in (file for files in download.FILES.values() for file in files):
        assert file.url.startswith(("https://", "http://www.scottreed.info/"))
        assert file.url.endswith(f"/{file.name}")
        algorithm, digest = file.checksum.split(":")
        assert len(bytes.fromhex(digest)) == {"sha256": 32, "md5": 16}[algorithm]
        digests.append(digest)
    assert len(set(digests)) == 11
    assert download.FILES["dsprites"][0].name.endswith(".hdf5")


def test_what_is_downloaded_is_what_is_read() -> None:
    names = {file.name for file in download.FILES["smallnorb"]}
    wanted = {f"{stem}-{kind}.mat.gz" for stem in (smallnorb.TRAINING, smallnorb.TESTING)
              for kind in smallnorb.Split._fields}  # fmt: skip
    assert names == wanted
    assert [file.name for file in download.FILES["cars3d"]] == [cars3d.ARCHIVE]
