import pytest
from hypothesis import given, settings

from loopynet import LoopyNet, NetworkSpec, build_graph, load_spec
from loopynet.graph import advice
from loopynet.graph.advice import unread_copies
from reference.strategies import documents, tiny
from reference.values import random_input, random_net, weighed

LOOSE = (
    "unroll.contract bounds weights, and not what else enlarges differences in the loopy section: "
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ((), []),
        (("unroll.steps=1",), ["loops not used (feedback), since unroll.steps is 1"]),
        (("loops={}",), ["unroll.steps is 3, and there are no loops to unroll"]),
        (("layers.fc_1.activation=relu",), ['the logits of "fc_1" pass a relu, which limits']),
        (("layers.fc_1.activation=log_softmax",), []),
        (
            ("unroll.contract=0.9",),
            [LOOSE + "batch norm (conv_2), batch norm (conv_3); the"],
        ),
        (
            (
                "unroll.contract=0.9",
                "norm=none",
                "loops.feedback.merge=gate",
                "layers.conv_3.activation=gelu",
            ),
            [LOOSE + "gelu (conv_3), merge: gate (feedback); the"],
        ),
        (("unroll.contract=0.9", "norm=none"), []),
        (("unroll.tied=false",), []),
    ],
)
def test_advice(changes, said):
    spec = load_spec("digits-loopy", changes)
    found = advice(spec, build_graph(spec))
    assert len(found) == len(said)
    assert all(text.startswith(start) for text, start in zip(found, said, strict=True))


PARALLEL = """
input: {shape: [3]}
layers:
  a: {type: dense, units: 3}
  b: {type: dense, units: 3}
  c: {type: dense, units: 3}
  fc: {type: dense, units: 2}
main: [a, b, c, fc]
loops:
  back: {from: c, to: a}
unroll: {steps: 6, schedule: parallel, tied: false}
"""


def test_copies_that_nothing_reads_are_named():
    spec = tiny(PARALLEL)
    (said,) = advice(spec, build_graph(spec))
    # c@6 reads b@5, a@4, c@3, b@2, a@1.
    assert "unroll 6 do not depend on them: a@2, a@3, b@3, b@4, c@4, c@5; write" in said
    assert not unread_copies(build_graph(tiny(PARALLEL, readout="each")))


@settings(deadline=None, max_examples=60)
@given(document=documents(least_loops=1, least_steps=2))
def test_just_the_copies_that_are_named_get_no_gradient(document):
    document["unroll"]["tied"] = False
    document["readout"] = "last"
    document.setdefault("loss", {"steps": "last"})
    net: LoopyNet = random_net(NetworkSpec.model_validate(document)).train()
    # The input has a gradient, since a network may have no weights at all.
    weighed(net(random_input(net).requires_grad_())).backward()
    named = unread_copies(net.graph)
    for name, layer in net.layers.items():
        if "@" not in name or not net.graph.layers[name.partition("@")[0]].spec.weighted:
            continue
        assert all((p.grad is None) == (name in named) for p in layer.parameters()), name
