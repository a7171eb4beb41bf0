"""Run folders, and what is read from them: networks, accuracies, predictions."""

from loopynet.run.device import best_device
from loopynet.run.evaluate import Answers, Evaluation, evaluate, evaluation_batches
from loopynet.run.exits import Exit, best_exit, evaluate_exit, exit_curve, parse_rule, show_rule
from loopynet.run.folder import RunFolder
from loopynet.run.predict import Prediction, predict

__all__ = [
    "Answers",
    "Evaluation",
    "Exit",
    "Prediction",
    "RunFolder",
    "best_device",
    "best_exit",
    "evaluate",
    "evaluate_exit",
    "evaluation_batches",
    "exit_curve",
    "parse_rule",
    "predict",
    "show_rule",
]
