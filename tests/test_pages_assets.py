"""Page assets: pinned bytes only, nothing half-written, and CDNs where npm cannot be reached."""

import base64
import hashlib
import io
import tarfile

import assets
import pytest


def tarball(path, files):
    """A tarball as npm packs it, and its sha512 as npm prints it."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The only pinned package: one wanted file, one unwanted, and one that would climb out."""
    path = tmp_path / "thing-1.0.tgz"
    files = {"package/a.js": b"wanted", "package/b.js": b"not", "package/../../a.js": b"climbs"}
    package = assets.Package("@scope/thing", "1.0", tarball(path, files), r".*a\.js")
    monkeypatch.setattr(assets, "PACKAGES", (package,))
    return package


def test_fetch_unpacks_what_is_wanted_once(package, tmp_path):
    asked = []

    def pack(package, folder):
        asked.append(package.name)
        return tmp_path / "thing-1.0.tgz"

    vendor = tmp_path / "vendor"
    assert assets.fetch(vendor, pack)
    assert assets.fetch(vendor, pack)
    assert asked == ["@scope/thing"]
    found = [path for path in vendor.rglob("*") if path.is_file()]
    assert found == [vendor / "thing-1.0" / "a.js"]
    assert found[0].read_bytes() == b"wanted"
    assert not (tmp_path / "a.js").exists()


def test_fetch_says_that_it_falls_back(package, tmp_path, capsys):
    def unreachable(package, folder):
        raise OSError("no network")

    assert not assets.fetch(tmp_path / "vendor", unreachable)
    assert "public CDNs" in capsys.readouterr().out
    assert list((tmp_path / "vendor").iterdir()) == []


def test_fetch_refuses_other_bytes(package, tmp_path):
    def other(package, folder):
        path = folder / "thing-1.0.tgz"
        tarball(path, {"package/a.js": b"changed"})
        return path

    with pytest.raises(ValueError, match="sha512"):
        assets.fetch(tmp_path / "vendor", other)
    assert list((tmp_path / "vendor").iterdir()) == []


def test_settings_name_local_copies_only_when_all_are_there(tmp_path):
    assert assets.sphinx_settings(tmp_path) == {}
    (tmp_path / assets.MATHJAX.folder).mkdir()
    assert assets.sphinx_settings(tmp_path) == {}
    (tmp_path / assets.HTML_MANAGER.folder).mkdir()
    settings = assets.sphinx_settings(tmp_path)
    assert settings["mathjax_path"].endswith("mathjax-3.2.2/es5/tex-mml-chtml.js")
    assert all("://" not in url for url in settings["nb_ipywidgets_js"])
