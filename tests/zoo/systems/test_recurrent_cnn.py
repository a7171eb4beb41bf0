"""recurrent-cnn against the equations of Pinheiro & Collobert (2014), written anew."""

import torch
from torch.nn.functional import conv2d, interpolate, max_pool2d

from loopynet import Each, LoopyNet, build_graph, load_spec
from loopynet.graph import costs


def label_maps(x, weights, passes):
    """Return F^1, F^2, ... with F^p = f([image, F^(p-1)]) and F^0 = 0, brought to the image's grid.

    f: convolution, tanh, maximum, twice; then a linear map at each position.
    """
    classes = len(weights["labels.bias"])
    before = x.new_zeros(len(x), classes, *x.shape[2:])
    maps = []
    for _ in range(passes):
        h = torch.cat([x, before], 1)
        for name in ("conv_1", "conv_2"):
            w = weights[f"{name}.weight"]
            h = conv2d(h, w, weights[f"{name}.bias"], padding=w.shape[-1] // 2).tanh()
            h = max_pool2d(h, 2)
        maps.append(conv2d(h, weights["labels.weight"], weights["labels.bias"]))
        before = interpolate(maps[-1], x.shape[2:], mode="bilinear", align_corners=False)
    return torch.stack(maps)


def weights_of(net):
    return {k.removeprefix("layers.").replace(".op.", "."): v for k, v in net.state_dict().items()}


def test_the_number_of_parameters():
    found = costs(build_graph(load_spec("recurrent-cnn")))
    f = (3 + 6) * 25 * 25 + 25, 25 * 50 * 25 + 50, 50 * 6 + 6
    assert found.parameters == sum(f) == 37_256
    assert found.multiply_adds == 3 * (32 * 32 * 9 * 25 * 25 + 16 * 16 * 25 * 50 * 25 + 64 * 300)


def test_every_pass_equals_the_equations():
    torch.manual_seed(0)
    net = LoopyNet.from_yaml("recurrent-cnn").double()
    x = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    for mode in (True, False):
        for passes in (1, 2, 3, 5):
            with torch.no_grad():
                found = net.train(mode)(x, unrolls=passes, readout=Each())
                wanted = label_maps(x, weights_of(net), passes)
            assert found.shape == (passes, 3, 6, 8, 8)
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)
