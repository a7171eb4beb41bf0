"""Training on arrays in memory, without a run folder."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from loopynet.errors import DataError
from loopynet.network import LoopyNet
from loopynet.network.checks import check_one_answer
from loopynet.spec import NetworkSpec
from loopynet.training.batch_size import with_number
from loopynet.training.checks import check_device, check_smallest_batch, check_without_validation
from loopynet.training.module import LoopyModule
from loopynet.training.trainer import build_trainer, quiet, restored_interrupts


def fit_network(spec: NetworkSpec, x: Tensor, labels: Tensor, seed: int) -> LoopyNet:
    """Return a new network that was trained as its spec says; torch's random state is left alone.

    Args:
        spec: the network. Its data section is not looked at.
        x: inputs, float32 [N, *spec.input.shape].
        labels: int64 [N], from 0.
        seed: of the weights, the order of the rows and dropout.

    Raises:
        SpecError: the spec asks for what needs validation data, or a device that is not there.
        DataError: the network has not one logit for each class.
        LoopyNetError: it gives label maps.
    """
    if spec.training.batch_size == "auto":
        spec, _ = with_number(spec, len(x))
    options = spec.training
    check_device(options)
    check_without_validation(options)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = LoopyNet(spec)
        check_one_answer(net.graph, "a classifier of scikit-learn")
        classes, logits = int(labels.max()) + 1, net.graph.output_shape[0]
        if classes != logits:
            raise DataError(
                f'"{spec.name}" has {logits} logits, and y has {classes} classes; write '
                f"units: {classes} in its last layer"
            )
        check_smallest_batch(net.graph, options, len(x))
        batches = DataLoader(TensorDataset(x, labels), options.step_images, shuffle=True)
        trainer = build_trainer(net, seed, enable_checkpointing=False)
        with quiet(), restored_interrupts():
            trainer.fit(LoopyModule(net), batches)
    return net.cpu().eval()
