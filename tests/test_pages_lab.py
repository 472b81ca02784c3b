"""The copy of a chapter for JupyterLab: what its extension does not know is written out."""

import lab
import nbformat
import pairs
import pytest
from nbformat.sign import NotebookNotary

PROSE = """# A question

````{glue:figure} opening
:alt: Two bars.
:name: fig-bars

Two bars
of one length.
````

:::{container} answer
It is {glue:text}`half:.2f` of {glue:text}`n`, {glue:text}`word`; {glue:text}`absent:.1f`.
:::
"""
WRITTEN = """# A question

**Figure, from a cell below.** Two bars of one length.

:::{admonition} The answer
It is 0.50 of 3, mws; {glue:text}`absent:.1f`.
:::
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project of one chapter, which keeps two numbers and a word; signatures lie beside it."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    code = nbformat.v4.new_code_cell("keep")
    for name, value in {"half": 0.5, "n": 3, "word": "mws"}.items():
        metadata = {"scrapbook": {"name": name, "mime_prefix": "application/papermill.record/"}}
        data = {lab.PLAIN: repr(value)}
        code.outputs.append(nbformat.v4.new_output("display_data", data, metadata=metadata))
    cells = [nbformat.v4.new_markdown_cell(PROSE), code]
    notebook = nbformat.v4.new_notebook(cells=cells)
    pairs.write_twin(notebook, tmp_path / "book" / "chapters" / "mine.ipynb")
    return tmp_path


def test_numbers_are_written_out_in_a_trusted_copy(root):
    path = lab.copy("mine", root)
    assert path == root / "build" / "jupyter" / "mine.ipynb"
    copied = pairs.read_twin(path)
    assert copied.cells[0].source == WRITTEN
    assert NotebookNotary().check_signature(copied)


def test_a_copy_that_is_there_stays(root):
    path = lab.copy("mine", root)
    written = pairs.read_twin(path)
    written.cells[0].source = "my notes"
    pairs.write_twin(written, path)
    assert pairs.read_twin(lab.copy("mine", root)).cells[0].source == "my notes"


def test_another_name_is_refused_with_those_there_are(root):
    with pytest.raises(ValueError, match="expected NAME=chapter, one of mine; got 'other'"):
        lab.copy("other", root)
