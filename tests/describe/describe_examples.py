"""Networks that the tests of descriptions share."""

from loopynet.graph import build_graph
from loopynet.spec import parse_spec
from loopynet.zoo import load_spec

CROSSING = """
name: crossing
input: {shape: [3, 32, 32]}
templates:
  conv: {type: conv2d, filters: 16, activation: relu}
layers:
  stem: {template: conv, stride: 2}
  c1: {template: conv}
  c2: {template: conv}
  c3: {template: conv}
  c4: {template: conv, norm: {type: group, groups: 4}}
  c5: {template: conv, activation: {type: leaky_relu, negative_slope: 0.2}}
  pool: {type: global_pool}
  logits: {type: dense, units: 10}
  refine: {type: conv2d, filters: 16, size: [1, 3], bias: false}
  squash: {type: identity, activation: sigmoid}
main: [stem, c1, c2, c3, c4, c5, pool, logits]
loops:
  outer: {from: c5, to: c1}
  inner: {from: c3, to: c1, merge: mul, through: [refine, squash], delay: 2}
  across: {from: c4, to: c2, merge: gate}
  own: {from: c3, to: c3, merge: mean, initial: zero}
skips:
  residual: {from: c1, to: c4}
  raw: {from: input, to: c5, fit: project}
unroll: {steps: 4}
norm: {type: batch, over_time: per_step}
"""


def graph_of(text):
    return build_graph(parse_spec(text))


def published(*overrides):
    """Return the graph of the zoo's cifar10-loopy, with changes such as "unroll.steps=1"."""
    return build_graph(load_spec("cifar10-loopy", overrides))


def chain(length, loops="", skips="", steps=3):
    """Return a graph of equal convolutions l0, l1, ... with the given edges."""
    names = [f"l{i}" for i in range(length)]
    layers = "\n".join(f"  {name}: {{type: conv2d, filters: 4}}" for name in names)
    return graph_of(f"""
input: {{shape: [4, 8, 8]}}
layers:
{layers}
  pool: {{type: global_pool}}
main: [{", ".join(names)}, pool]
loops: {{{loops}}}
skips: {{{skips}}}
unroll: {{steps: {steps}}}
""")
