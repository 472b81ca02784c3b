"""`python -m disentangled.data`: download the official files, or measure the re-render on them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from disentangled import sealed
from disentangled.data import download, files
from disentangled.data.rendered import calibration, dsprites_rerender
from disentangled.progress import print_anything


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    print_anything()
    parser = argparse.ArgumentParser(prog="python -m disentangled.data", description=__doc__)
    parser.add_argument(
        "command",
        nargs="?",
        choices=["download", "agreement", "outline"],
        default="download",
        help="download the official files (default); agreement: count the pixels that the "
        "re-render gets wrong on the real images found; outline: fit the heart's outline again",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"data sets to download, of {', '.join(download.FILES)} (default: dsprites)",
    )
    parser.add_argument("--root", type=Path, help="folder of the data files")
    parser.add_argument("--out", type=Path, help="where agreement or outline writes")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(download.FILES))
    if unknown:
        parser.error(f"expected data sets of {', '.join(download.FILES)}, got {unknown}")
    if options.names and options.command != "download":
        parser.error(f"{options.command} takes no data set; its images are those of dSprites")
    try:
        if options.command == "download":
            _download(options.names or ["dsprites"], options.root)
        else:
            commands = {"agreement": _agreement, "outline": _outline}
            commands[options.command](options.root, options.out)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _download(names: list[str], root: Path | None) -> None:
    folder = root or files.download_folder()
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for file in (file for name in names for file in download.FILES[name]):
        print(f"{file.name}, {file.size}, from {file.url}")
        print(f"checked and in place: {download.fetch(file, folder)}")


def _agreement(root: Path | None, out: Path | None) -> None:
    rows = calibration.measure_agreement(root)
    path = out or calibration.agreement_file()
    with files.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sealed.text({"shapes": rows}), encoding="utf-8")
    print(f"{path}: {len(rows)} rows")


def _outline(root: Path | None, out: Path | None) -> None:
    path = out or Path(dsprites_rerender.__file__).with_name("heart_outline.csv")
    table = calibration.outline_table(calibration.fit_heart_outline(root))
    with files.writing(path):
        path.write_text(table, encoding="utf-8")
    print(path)


if __name__ == "__main__":
    sys.exit(main())
