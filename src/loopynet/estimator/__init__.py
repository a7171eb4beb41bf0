"""A network as an estimator of scikit-learn."""

from loopynet.estimator.classifier import LoopyClassifier

__all__ = ["LoopyClassifier"]
