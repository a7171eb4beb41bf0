"""A network with scikit-learn's manners: fit, predict, predict_proba, score."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from loopynet.errors import DataError
from loopynet.estimator.fit import fit_network
from loopynet.network import Last, LoopyNet
from loopynet.parts.shape import show, size
from loopynet.spec import NetworkSpec, to_yaml
from loopynet.spec.read import override, validate
from loopynet.spec.source import parse_source
from loopynet.zoo import load_source

BATCH = 1024
"""Rows that are classified at once."""

SMALL = """
name: loopy-classifier
input: {{shape: [{features}]}}
layers:
  fc_1: {{type: dense, units: 32, activation: relu}}
  fc_2: {{type: dense, units: 32, activation: relu}}
  fc_3: {{type: dense, units: {classes}}}
main: [fc_1, fc_2, fc_3]
loops:
  feedback: {{from: fc_2, to: fc_2}}
unroll: {{steps: 3}}
training: {{optimizer: adam, learning_rate: 0.01, batch_size: 32, epochs: 30}}
"""
"""The network without a spec."""


class LoopyClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A network with loops as a classifier of scikit-learn.

    It is trained as `loopynet train` does, without a run folder. Rows are given to the network as
    they are: put a scaler before it.

    Args:
        spec: the network: a NetworkSpec, a YAML file, or the name of a zoo entry. Its input may be
            an image: then X is [N, C, H, W], or [N, C * H * W]. If None, two dense layers of 32
            units, the second with a loop onto itself that runs three times.
        epochs: passes over the data; the spec's if None (30 without a spec).
        batch_size: rows in a batch; the spec's if None (32 without a spec).
        learning_rate: the spec's if None (0.01 without a spec).
        random_state: an integer, a RandomState or None: what weights and batches are drawn from.
            With an integer, a fit on a CPU is repeatable.

    Attributes:
        net_: the trained LoopyNet, in evaluation mode.
        classes_: [classes], the classes in the order of the logits.
        n_features_in_: columns of X in `fit`.
        feature_names_in_: their names, if X was a data frame.

    Raises:
        ValueError: from `fit` and the others, for data that scikit-learn refuses.
        LoopyNetError: from `fit`, for a spec that is none, or that the data does not fit.
    """

    net_: LoopyNet
    classes_: NDArray[Any]

    def __init__(
        self,
        spec: NetworkSpec | str | Path | None = None,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.spec = spec
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> LoopyClassifier:
        """Train a new network.

        Args:
            X: [N, features], or [N, C, H, W] with a spec of images.
            y: [N], classes of any kind.
        """
        rows, y = validate_data(self, X, y, dtype=np.float32, allow_nd=self.spec is not None)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:  # a ValueError, as scikit-learn's checks want it
            raise ValueError("a classifier needs two classes or more, and y has one class")
        spec = self._spec(rows)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.net_ = fit_network(spec, _shaped(rows, spec), torch.from_numpy(labels), seed)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the probability of each class for each row of X: float32 [N, classes]."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float32, allow_nd=self.spec is not None, reset=False)
        x = _shaped(rows, self.net_.spec)
        with torch.inference_mode():
            logits = [self.net_(part, readout=Last()) for part in torch.split(x, BATCH)]
            return cast(NDArray[np.float32], torch.cat(logits).softmax(-1).numpy())

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the likeliest class of each row of X: [N]."""
        probabilities = self.predict_proba(X)
        return cast(NDArray[Any], self.classes_[probabilities.argmax(1)])

    def _spec(self, rows: NDArray[np.float32]) -> NetworkSpec:
        """Return the network's description for this data, with this object's options."""
        if self.spec is None:
            text = SMALL.format(features=rows.shape[1], classes=len(self.classes_))
            source = parse_source(text, "LoopyClassifier")
        elif isinstance(self.spec, NetworkSpec):
            source = parse_source(to_yaml(self.spec, resolved=True), self.spec.name)
        else:
            source = load_source(self.spec)
        given = {name: getattr(self, name) for name in ("epochs", "batch_size", "learning_rate")}
        changes = [f"training.{name}={v}" for name, v in given.items() if v is not None]
        return validate(override(source, changes))


def _shaped(rows: NDArray[np.float32], spec: NetworkSpec) -> Tensor:
    """Return rows [N, ...] as the network's inputs."""
    shape = tuple(spec.input.shape)
    if rows.shape[1:] != shape and rows.shape[1:] != (size(shape),):
        raise DataError(
            f'"{spec.name}" takes inputs {show(shape)}, or as many columns as those have numbers; '
            f"X has {show(rows.shape[1:])} in a row"
        )
    return torch.tensor(rows).reshape(-1, *shape)
