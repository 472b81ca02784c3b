"""Boxes around figures: images that stand alone have one, those in a line of text do not."""

import boxes
from docutils import nodes
from docutils.utils import new_document


def test_only_images_that_stand_alone_lie_in_boxes():
    document = new_document("page")
    figure = nodes.figure("", nodes.image(uri="a.svg"), nodes.caption("", "A"))
    line = nodes.paragraph("", "", nodes.image(uri="b.svg"))
    document += [figure, line]
    boxes.box(document)
    assert isinstance(figure[0], nodes.container)
    assert figure[0]["classes"] == [boxes.BOX]
    assert figure[0][0]["uri"] == "a.svg"
    assert isinstance(figure[1], nodes.caption)
    assert line[0]["uri"] == "b.svg"
