"""How a chapter is cited: what its end says, from CITATION.cff and the chapter's own title."""

import cite
import yaml
from docutils import nodes

CFF = {
    "title": "a book",
    "version": "1.2",
    "authors": [{"name": "The group"}, {"given-names": "Ada", "family-names": "Byron"}],
}


def test_an_entry_of_bibtex_has_the_fields_that_are_known():
    assert cite.bibtex("a_b", "A to B", CFF, "") == (
        "@incollection{disentangled_a_b,\n"
        "  author = {{The group} and {Ada Byron}},\n"
        "  title = {{A to B}},\n"
        "  booktitle = {{a book}},\n"
        "  note = {Version 1.2},\n"
        "}"
    )
    full = cite.bibtex("a_b", "A to B", CFF | {"date-released": "2026-11-28"}, "https://x.org/a")
    assert "  year = {2026},\n" in full
    assert "  url = {https://x.org/a},\n" in full


def test_the_end_of_a_chapter_says_it_in_a_sentence_and_as_bibtex():
    title, said, entry = cite.section("a_b", "A to B", CFF, "https://x.org/a")
    assert title.astext() == "Cite this chapter"
    assert said.astext() == (
        "The group, Ada Byron: “A to B”, a chapter of a book, version 1.2, https://x.org/a."
        " Please cite the paper as well whose result you use."
    )
    assert [link["refuri"] for link in said.findall(nodes.reference)] == ["https://x.org/a"]
    assert entry.astext() == cite.bibtex("a_b", "A to B", CFF, "https://x.org/a")
    _, without, _ = cite.section("a_b", "A to B", CFF, "")
    assert ", version 1.2. Please" in without.astext()
    assert not list(without.findall(nodes.reference))


def test_the_file_has_what_is_read():
    cff = yaml.safe_load(cite.CFF.read_text("utf-8"))
    assert cite.authors(cff)
    assert cff["title"]
    assert cff["version"]
