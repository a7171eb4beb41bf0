"""Run folders, and what is read from them: networks, accuracies, predictions."""

from loopynet.run.device import best_device
from loopynet.run.evaluate import Answers, Evaluation, evaluate, evaluation_batches
from loopynet.run.exit_choice import ExitTimes, choose_exit, time_exit
from loopynet.run.exits import (
    Exit,
    best_exit,
    curve_points,
    evaluate_exit,
    exit_answers,
    exit_curve,
    exit_point,
    parse_rule,
    show_rule,
    unroll_logits,
)
from loopynet.run.folder import RunFolder
from loopynet.run.predict import Prediction, predict

__all__ = [
    "Answers",
    "Evaluation",
    "Exit",
    "ExitTimes",
    "Prediction",
    "RunFolder",
    "best_device",
    "best_exit",
    "choose_exit",
    "curve_points",
    "evaluate",
    "evaluate_exit",
    "evaluation_batches",
    "exit_answers",
    "exit_curve",
    "exit_point",
    "parse_rule",
    "predict",
    "show_rule",
    "time_exit",
    "unroll_logits",
]
