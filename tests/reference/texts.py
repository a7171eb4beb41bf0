"""YAML texts that tests change line by line, and the whole way from a text to its errors."""

from __future__ import annotations

from loopynet.graph import Graph, build_graph, check_memory
from loopynet.spec.read import validate
from loopynet.spec.source import parse_source

EXAMPLE = """name: example
input: {shape: [3, 8, 8]}
templates:
  conv3: {type: conv2d, size: 3, activation: relu}
layers:
  conv_1: {template: conv3, filters: 4}
  conv_2: {template: conv3, filters: 3}
  fc: {type: dense, units: 10}
main: [conv_1, conv_2, fc]
loops:
  feedback: {from: conv_2, to: conv_1}
unroll: {steps: 3}
norm: {type: batch}
training: {optimizer: adam, epochs: 2}
"""
"""A valid document of 14 lines; `with_line` replaces one of them."""


def with_line(number: int, text: str) -> str:
    """Return EXAMPLE with a line (from 1) replaced."""
    lines = EXAMPLE.splitlines()
    lines[number - 1] = text
    return "\n".join(lines) + "\n"


def graph_of(text: str) -> Graph:
    """Read, validate, resolve and check the memory, as a command does before it trains."""
    source = parse_source(text, "net.yaml")
    spec = validate(source)
    with source.blame():
        graph = build_graph(spec)
        check_memory(graph, spec.training.batch_size)
    return graph
