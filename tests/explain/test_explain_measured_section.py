"""What `loopynet measure` wrote, in a page."""

import torch

from loopynet import LoopyNet, load_spec
from loopynet.explain import Sizes, figures, markdown, measure
from loopynet.explain.measured_section import FIGURE_WORDS, measured_section
from loopynet.page import render_page
from reference.html_pages import read_page

CHANGES = ("layers.conv_1.filters=3", "layers.conv_2.filters=3", "layers.conv_3.filters=3",
           "training.batch_size=4")  # fmt: skip


def test_a_run_that_was_not_measured_has_no_section(tmp_path):
    assert measured_section(tmp_path) is None
    assert measured_section(tmp_path / "nothing") is None


def test_every_table_and_figure_of_a_measurement_is_there(tmp_path):
    torch.manual_seed(0)
    net = LoopyNet(load_spec("digits-loopy", CHANGES)).eval()
    images, labels = torch.randn(60, 1, 8, 8), torch.arange(60) % 10
    found = measure(net, images, labels, sizes=Sizes(3, 8, 4, seeds=2), notes=("Noise, a < b.",))
    written = markdown(found)
    (tmp_path / "measurements.md").write_text(written, encoding="utf-8")
    for name, figure in figures(found).items():
        figure.savefig(tmp_path / f"{name}.png")
    page = read_page(render_page("first", [measured_section(tmp_path)]))
    lines = [line for line in written.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    kept = [row for row in cells if set(row) != {"---"}]
    assert page.html.count("<tr>") == len(kept)
    assert kept[0] == page.tables["From unroll to unroll"][0]
    assert "Noise, a < b." in page.text
    assert [alt for _, alt in page.figures] == list(FIGURE_WORDS.values())


def test_figures_that_were_not_drawn_are_left_out(tmp_path):
    (tmp_path / "measurements.md").write_text("# first\n\n## Radii\n\n| a | b |\n| --- | --- |\n"
                                              "| 1 |  |\n")  # fmt: skip
    page = read_page(render_page("first", [measured_section(tmp_path)]))
    assert page.tables["Radii"] == [["a", "b"], ["1", ""]]
    assert page.figures == []
