"""The pictures in the documentation are those that the code draws."""

from pathlib import Path

from loopynet.draw.__main__ import draw_zoo

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = DOCS / "images" / "zoo"


def test_the_pictures_are_up_to_date_small_and_shown(tmp_path):
    files = (DOCS / "drawings.md", *DOCS.glob("systems/*.md"))
    pages = "".join(page.read_text(encoding="utf-8") for page in files)
    files = draw_zoo(tmp_path / "new")
    assert {file.name for file in files} == {file.name for file in PICTURES.iterdir()}
    for file in files:
        kept = (PICTURES / file.name).read_bytes()
        assert len(kept) < 200_000
        assert texts(kept) == texts(file.read_bytes()), "python -m loopynet.draw docs/images/zoo"
        assert f"images/zoo/{file.name})" in pages


def texts(svg):
    """Return what a picture says; coordinates may differ between versions of matplotlib."""
    return [line.partition(b">")[2] for line in svg.splitlines() if b"<text" in line]
