"""Run folders, and what is read from them: networks, accuracies, predictions."""

from loopynet.run.device import best_device
from loopynet.run.evaluate import Answers, Evaluation, evaluate, evaluation_batches
from loopynet.run.folder import RunFolder
from loopynet.run.predict import Prediction, predict

__all__ = [
    "Answers",
    "Evaluation",
    "Prediction",
    "RunFolder",
    "best_device",
    "evaluate",
    "evaluation_batches",
    "predict",
]
