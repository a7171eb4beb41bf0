"""Networks that the tests of pictures share."""

from loopynet.graph import build_graph
from loopynet.spec import parse_spec
from loopynet.zoo import load_spec


def zoo(name, *overrides):
    """Return the graph of a zoo entry, with changes such as "unroll.steps=12"."""
    return build_graph(load_spec(name, overrides))


def twenty(steps=3, readout="last"):
    """Return a graph of 20 layers with 4 loops that cross and 5 skips."""
    names = [f"conv_{i}" for i in range(1, 20)]
    layers = "\n".join(f"  {n}: {{type: conv2d, filters: 8, activation: relu}}" for n in names)
    return build_graph(
        parse_spec(f"""
name: twenty
input: {{shape: [3, 32, 32]}}
layers:
{layers}
  fc: {{type: dense, units: 10}}
  refine: {{type: conv2d, filters: 8, size: 1, activation: sigmoid}}
  short: {{type: conv2d, filters: 8, size: 1}}
main: [{", ".join(names)}, fc]
loops:
  far: {{from: conv_16, to: conv_3}}
  near: {{from: conv_8, to: conv_5, merge: mul, through: [refine]}}
  across: {{from: conv_12, to: conv_6, merge: gate, delay: 2}}
  late: {{from: conv_17, to: conv_10, merge: max, initial: zero}}
skips:
  a: {{from: input, to: conv_4, fit: project}}
  b: {{from: conv_1, to: conv_7}}
  c: {{from: conv_5, to: conv_9, merge: concat}}
  d: {{from: conv_8, to: conv_14, through: [short]}}
  e: {{from: conv_15, to: conv_18, merge: mean}}
unroll: {{steps: {steps}}}
readout: {readout}
""")
    )
