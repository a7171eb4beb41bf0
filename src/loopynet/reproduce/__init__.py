"""The paper's experiments and open questions, each as a list of cells and of claims."""

from loopynet.reproduce import fig8, future_work, mnist, truncated
from loopynet.reproduce.claims import Claim
from loopynet.reproduce.experiment import Experiment, Scale
from loopynet.reproduce.page import reproduction_page
from loopynet.reproduce.step_times import StepTimes, measure_step_times

EXPERIMENTS: dict[str, Experiment] = {
    e.name: e
    for e in (fig8.EXPERIMENT, mnist.EXPERIMENT, future_work.EXPERIMENT, truncated.EXPERIMENT)
}
"""What `loopynet reproduce` can run, by name."""

__all__ = [
    "EXPERIMENTS",
    "Claim",
    "Experiment",
    "Scale",
    "StepTimes",
    "measure_step_times",
    "reproduction_page",
]
