"""Files: formats, the same bytes again, text that stays text."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from draw_examples import zoo

from loopynet.draw import draw
from loopynet.draw.files import picture
from loopynet.errors import SpecError

MAGIC = {
    "a.svg": b"<?xml",
    "a.png": b"\x89PNG\r\n",
    "a.PDF": b"%PDF-",
    "a.mmd": b"---\ntitle:",
    "a.mermaid": b"---\ntitle:",
}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("unrolled", [False, True])
@pytest.mark.parametrize("name", MAGIC)
def test_every_format_is_written(tmp_path, name, unrolled):
    draw(zoo("cifar10-loopy"), tmp_path / name, unrolled=unrolled)
    written = (tmp_path / name).read_bytes()
    assert written.startswith(MAGIC[name])
    assert len(written) > 500


@pytest.mark.parametrize("name", ["a.gif", "a", "svg"])
def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path, name):
    with pytest.raises(SpecError, match=r"\.svg, \.png, \.pdf, \.mmd, \.mermaid"):
        draw(zoo("cifar10-loopy"), tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_same_network_gives_the_same_bytes(kind):
    first, second = (picture(zoo("cifar10-loop-mul"), kind, True) for _ in range(2))
    assert first == second


def test_a_users_style_changes_nothing():
    plain = picture(zoo("cifar10-loopy"), "svg", False)
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "savefig.bbox": "tight"}):
        assert picture(zoo("cifar10-loopy"), "svg", False) == plain
        assert mpl.rcParams["font.size"] == 30


def test_an_svg_has_text_a_title_and_a_description_and_no_date():
    text = picture(zoo("cifar10-loopy"), "svg", False).decode()
    root = ElementTree.fromstring(text)
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert root[0].text == "cifar10-loopy"
    assert "Loop feedback: conv_3 → conv_1, sum." in (root[1].text or "")
    written = {element.text for element in root.iter(f"{SVG}text")}
    assert {"input", "conv_1", "feedback", "+", "relu, batch norm per step"} <= written
    assert not re.search(r"<dc:date>|20\d\d-\d\d-\d\d", text)


def test_drawing_imports_neither_torch_nor_pyplot():
    code = "import sys, loopynet.draw\nassert not {'torch', 'matplotlib.pyplot'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
