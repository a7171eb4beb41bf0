"""CORnet-S: the published count, and the equations of the paper written out in plain torch."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from loopynet import LoopyNet, build_graph, load_spec
from loopynet.graph import costs

PASSES = {"V2": 2, "V4": 4, "IT": 2}
WIDTHS = {"V2": 16, "V4": 32, "IT": 64}
"""An eighth of the published ones, which are 128, 256 and 512."""


def small() -> LoopyNet:
    """Return the network with an eighth of its filters, for images of 64x64, in float64."""
    graph = build_graph(load_spec("cornet-s"))
    filters = [
        f"layers.{name}.filters={node.output_shape[0] // 8}"
        for name, node in graph.layers.items()
        if node.spec.type == "conv2d"
    ]
    changes = ("input.shape=[3, 64, 64]", "layers.decoder.units=7", *filters)
    torch.manual_seed(0)
    net = LoopyNet(load_spec("cornet-s", changes)).double()
    for value in (*net.parameters(), *net.buffers()):
        value.data += 0.1 * torch.rand_like(value)  # norms that change something
    return net


class Area(nn.Module):
    """One area: its convolutions have one set of weights, its norms one for each pass."""

    def __init__(self, inputs: int, width: int, passes: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(inputs, width, 1, bias=False)
        self.shortcut = nn.Conv2d(width, width, 1, stride=2, bias=False)
        self.expand = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.weight = nn.Parameter(torch.empty(4 * width, 4 * width, 3, 3))
        self.reduce = nn.Conv2d(4 * width, width, 1, bias=False)
        self.shortcut_norm = nn.BatchNorm2d(width)
        self.norms = nn.ModuleList(
            nn.ModuleList(nn.BatchNorm2d(n) for n in (4 * width, 4 * width, width))
            for _ in range(passes)
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return what the area gives after each of its passes."""
        x, given = self.enter(x), []
        for t, (first, second, third) in enumerate(self.norms):
            before = self.shortcut_norm(self.shortcut(x)) if t == 0 else x
            x = torch.relu(first(self.expand(x)))
            x = functional.conv2d(x, self.weight, stride=2 if t == 0 else 1, padding=1)
            x = third(self.reduce(torch.relu(second(x))))
            x = torch.relu(x + before)
            given.append(x)
        return given


class Reference(nn.Module):
    """The whole network."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 7, stride=2, padding=3, bias=False)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(8)
        self.areas = nn.ModuleDict()
        below = 8
        for name, passes in PASSES.items():
            self.areas[name] = Area(below, WIDTHS[name], passes)
            below = WIDTHS[name]
        self.decoder = nn.Linear(below, 7)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return what every area gives after every pass, and the logits."""
        x = functional.max_pool2d(torch.relu(self.norm1(self.conv1(x))), 3, 2, 1)
        x = torch.relu(self.norm2(self.conv2(x)))
        given = {"V1@1": x}
        for name, area in self.areas.items():
            passes = area(x)
            given |= {f"{name}@{t}": value for t, value in enumerate(passes, 1)}
            x = passes[-1]
        return given | {"logits": self.decoder(x.mean((2, 3)))}


def keys() -> dict[str, tuple[str, int | None]]:
    """Return, for each tensor of the reference, ours and the row of it that is meant."""
    ends = ("weight", "bias", "running_mean", "running_var")
    found: dict[str, tuple[str, int | None]] = {
        f"decoder.{end}": (f"layers.decoder.op.{end}", None) for end in ends[:2]
    }

    def norm(theirs: str, ours: str, row: int = 0) -> None:
        for end in ends:
            found[f"{theirs}.{end}"] = (f"layers.{ours}.norm.{end}", row)

    for number, name in ((1, "V1_conv1"), (2, "V1")):
        found[f"conv{number}.weight"] = (f"layers.{name}.op.weight", None)
        norm(f"norm{number}", name)
    for area, passes in PASSES.items():
        for theirs, ours in (
            ("enter.weight", "in"),
            ("shortcut.weight", "shortcut"),
            ("expand.weight", "conv1"),
            ("weight", "conv2"),
            ("reduce.weight", "conv3"),
        ):
            found[f"areas.{area}.{theirs}"] = (f"layers.{area}_{ours}.op.weight", None)
        norm(f"areas.{area}.shortcut_norm", f"{area}_shortcut")
        for i in range(3):
            norm(f"areas.{area}.norms.0.{i}", f"{area}_conv{i + 1}")
            for t in range(1, passes):
                norm(f"areas.{area}.norms.{t}.{i}", f"{area}_again{i + 1}", t - 1)
    return found


def reference_of(net: LoopyNet) -> Reference:
    reference, ours = Reference().double(), net.state_dict()
    state = reference.state_dict()
    for key, (name, row) in keys().items():
        state[key] = ours[name] if row is None else ours[name][row]
    assert {key for key in state if not key.endswith("num_batches_tracked")} == set(keys())
    reference.load_state_dict(state)
    return reference.train(net.training)


OURS = {
    "V1@1": "V1@1",
    "V2@1": "V2_first@1",
    "V2@2": "V2@1",
    "V4@1": "V4_first@1",
    "V4@2": "V4@1",
    "V4@3": "V4@2",
    "V4@4": "V4@3",
    "IT@1": "IT_first@3",
    "IT@2": "IT@3",
    "logits": "decoder@3",
}
"""Our names of what the reference gives."""


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_outputs_of_every_pass_statistics_and_gradients(training):
    net = small().train(training)
    reference = reference_of(net)
    x = torch.randn(3, 3, 64, 64, dtype=torch.float64)
    wanted, given = reference(x), {}
    net(x, record=given.__setitem__)
    for theirs, ours in OURS.items():
        scale = wanted[theirs].abs().max()
        assert scale > 1e-3
        assert (wanted[theirs] - given[ours]).abs().max() <= 1e-10 * scale, theirs
    state = net.state_dict()
    for key, value in reference.named_buffers():
        if not key.endswith("num_batches_tracked"):
            name, row = keys()[key]
            assert torch.allclose(state[name][row], value, rtol=1e-10, atol=1e-12), key
    wanted["logits"].square().sum().backward()
    given["decoder@3"].square().sum().backward()
    ours = dict(net.named_parameters())
    for key, parameter in reference.named_parameters():
        name, row = keys()[key]
        gradient = ours[name].grad if row is None else ours[name].grad[row]
        scale = parameter.grad.abs().max()
        assert (gradient - parameter.grad).abs().max() <= 1e-9 * scale, key


def test_the_published_number_of_parameters():
    graph = build_graph(load_spec("cornet-s"))
    assert costs(graph).parameters == 53_416_616
    assert graph.layers["IT"].output_shape == (512, 7, 7)


def test_the_whole_network_has_that_many():
    with torch.device("meta"):
        net = LoopyNet.from_yaml("cornet-s")
    assert sum(parameter.numel() for parameter in net.parameters()) == 53_416_616
