"""Mermaid's text: one network written out, and what keeps every text valid."""

import re

from draw_examples import twenty, zoo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopynet.draw.compose import diagram
from loopynet.draw.mermaid import escape, mermaid
from loopynet.graph import build_graph
from reference.strategies import specs

FOLDED = """\
---
title: "cifar10-loopy"
---
flowchart LR
  n0["<b>input</b><br/>[3, 32, 32]"]
  subgraph s0["loopy section, ×3 unrolls"]
    n1(("#43;"))
    n2["<b>conv_1</b><br/>conv2d 3×3, 64 filters,<br/>relu, batch norm per step<br/>[64, 32, 32]"]
    n3["<b>conv_2</b><br/>conv2d 3×3, 64 filters,<br/>relu, batch norm per step<br/>[64, 32, 32]"]
    n4["<b>conv_3</b><br/>conv2d 3×3, 3 filters,<br/>relu, batch norm per step<br/>[3, 32, 32]"]
  end
  subgraph s1["head"]
    n5["<b>fc_1</b><br/>dense 10 units<br/>[10]"]
  end
  n0 --> n1
  n1 --> n2
  n2 --> n3
  n3 --> n4
  n4 --> n5
  n4 -.->|"feedback"| n1
  linkStyle 5 stroke:#D55E00
  classDef layer0 fill:#77AADD,stroke:#4D4D4D,color:#000000
  class n2 layer0
  classDef layer1 fill:#EEDD88,stroke:#4D4D4D,color:#000000
  class n3 layer1
  classDef layer2 fill:#44BB99,stroke:#4D4D4D,color:#000000
  class n4 layer2
"""

LINE = re.compile(
    r"""n\d+(\(\("[^"]*"\)\)|\["[^"]*"\])          # a node
    |n\d+\ (-->|-\.->|==>)(\|"[^"]*"\|)?\ n\d+    # an arrow
    |subgraph\ s\d+\["[^"]+"\]|end
    |linkStyle\ [\d,]+\ stroke:\#\w+|classDef\ \w+\ .+|class\ [n\d,]+\ \w+""",
    re.VERBOSE,
)


def test_cifar10_loopy():
    assert mermaid(zoo("cifar10-loopy")) == FOLDED


def test_an_unrolled_network_has_a_subgraph_for_each_pass():
    text = mermaid(zoo("cifar10-loopy"), unrolled=True)
    assert re.findall(r'subgraph \w+\["(.*)"\]', text) == [
        "unroll 1",
        "unroll 2",
        "unroll 3",
        "head",
    ]
    assert text.count("-.->") == 2


def test_layers_on_edges_are_nodes_and_long_networks_run_down():
    text = mermaid(twenty())
    assert "flowchart TB" in text
    near = next(line for line in text.splitlines() if '"near"' in line).split()
    assert f'{near[-1]}["<b>refine</b>' in text


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs(), st.booleans())
def test_every_line_is_valid_and_every_node_is_named_once(spec, unrolled):
    graph = build_graph(spec)
    lines = [line.strip() for line in mermaid(graph, unrolled).splitlines()]
    assert lines[3] in ("flowchart LR", "flowchart TB")
    assert [line for line in lines[4:] if not LINE.fullmatch(line)] == []
    nodes = [match[1] for line in lines if (match := re.match(r"(n\d+)[\[(]", line))]
    shown = diagram(graph, unrolled)
    assert sorted(nodes) == sorted(f"n{i}" for i, _ in enumerate(shown.every_node()))
    links = [line for line in lines if re.match(r"n\d+ ", line)]
    assert {node for line in links for node in re.findall(r"\bn\d+\b", line)} == set(nodes)


def test_special_characters_are_escaped():
    assert escape('a "b" <c> & #d') == "a #34;b#34; #60;c#62; #38; #35;d"
    assert escape("conv_1") == "conv_1"
    assert escape("_x_") == "#95;x#95;"
    assert escape("+") == "#43;"
