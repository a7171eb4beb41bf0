"""The page and its files."""

import re

import torch
from PIL import Image

from loopynet import load_spec
from loopynet.explain import merges
from loopynet.explain.explain_page import (
    METHOD_WORDS,
    Shown,
    explanation,
    merge_section,
    write_filter,
)
from loopynet.explain.gallery import METHODS, FilterMaps
from loopynet.page import Section
from reference.values import random_input, random_net

SHOWN = Shown(torch.rand(2, 3, 6, 5), ("cat", "<b>ship"), (4, 9), "test")


def test_every_method_is_explained():
    assert METHOD_WORDS.keys() == METHODS.keys()


def test_a_filter_and_the_merges(tmp_path):
    spec = load_spec("cifar10-loopy", ("input.shape=[3, 6, 5]",))
    net = random_net(spec).eval()
    x = random_input(net, 2)
    one = write_filter(tmp_path, SHOWN, FilterMaps("conv_2", 7, (1, 2), torch.randn(2, 2, 6, 5)))
    section = merge_section(tmp_path, SHOWN, merges(net, x), x)
    page = explanation("first", "loopynet explain first", "gradient", SHOWN,
                       [Section("conv_2", one), section])  # fmt: skip
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.png")}
    assert files == {
        "conv_2-filter_7.png", "feedback-merge.png",
        *(f"conv_2@{t}/filter_7/image_{n}.png" for t in (1, 2) for n in (4, 9)),
        *(f"feedback@{t}/overlay/image_{n}.png" for t in (2, 3) for n in (4, 9)),
    }  # fmt: skip
    for file in files:
        Image.open(tmp_path / file).verify()
    assert "images 4, 9 of the test images" in page
    assert "<b>ship" not in page
    assert page.count("<img") == 2
    assert len(re.findall(r'<img [^>]*alt="[^"]{40,}"', page)) == 2
    assert re.search(r"feedback@2</th><td>sum</td><td[^>]*>[-−]?0\.\d{3}<", page)
    assert "http://" not in page
    assert "https://" not in page
