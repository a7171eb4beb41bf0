import pytest

from loopynet import build_graph, load_spec
from loopynet.graph import advice


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ((), []),
        (("unroll.steps=1",), ["loops not used (feedback), since unroll.steps is 1"]),
        (("loops={}",), ["unroll.steps is 3, and there are no loops to unroll"]),
        (("layers.fc_1.activation=relu",), ['the logits of "fc_1" pass a relu, which limits']),
        (("layers.fc_1.activation=log_softmax",), []),
    ],
)
def test_advice(changes, said):
    spec = load_spec("digits-loopy", changes)
    found = advice(spec, build_graph(spec))
    assert len(found) == len(said)
    assert all(text.startswith(start) for text, start in zip(found, said, strict=True))
