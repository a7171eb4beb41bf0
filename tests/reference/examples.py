"""Networks that several tests look at."""

TWO_LOOPS = """
name: example
input: {shape: [3, 6, 6]}
layers:
  stem: {type: conv2d, filters: 4, activation: relu}
  conv_1: {type: conv2d, filters: 4, activation: relu}
  pool: {type: pool2d}
  conv_2: {type: conv2d, filters: 4, activation: relu}
  fc: {type: dense, units: 3}
  way: {type: conv2d, filters: 2, activation: tanh}
main: [stem, conv_1, pool, conv_2, fc]
loops:
  back: {from: conv_2, to: conv_1, through: [way], fit: project, merge: gate}
  far: {from: conv_2, to: pool, delay: 2, fit: resize, merge: concat}
skips:
  over: {from: stem, to: conv_2, fit: project}
unroll: {steps: 3}
norm: {type: batch, over_time: per_step}
"""
"""Two loops, one with a layer on its way and one with a delay, and a skip."""

ONE_LAYER = """
input: {shape: [1, 6, 6]}
layers:
  conv: {type: conv2d, filters: 4, activation: relu}
  fc: {type: dense, units: 3}
main: [conv, fc]
loops:
  back: {from: conv, to: conv, fit: project}
unroll: {steps: 4}
"""
"""A layer with a loop onto itself."""

LABEL_MAPS = """
input: {shape: [2, 6, 6]}
layers:
  a: {type: conv2d, filters: 4, activation: tanh}
  labels: {type: conv2d, filters: 3, size: 2, stride: 2}
main: [a, labels]
loops: {back: {from: labels, to: a, merge: concat, fit: resize}}
unroll: {steps: 3}
data: {labels: map}
"""
"""Ends in a map of logits: three classes at each of 3 x 3 positions."""
