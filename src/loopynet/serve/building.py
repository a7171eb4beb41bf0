"""A network file that somebody is writing: what is wrong with it, its drawing, its training."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass

from markupsafe import Markup

from loopynet.errors import LoopyNetError
from loopynet.graph import build_graph, check_memory
from loopynet.report.curves import run_curves
from loopynet.report.epochs import read_epochs
from loopynet.run import RunFolder
from loopynet.serve.diagram import diagram
from loopynet.serve.painting import MATPLOTLIB
from loopynet.spec import NetworkSpec
from loopynet.spec.read import validate
from loopynet.spec.source import parse_source

FILE = "network.yaml"
"""What messages call the text."""

MOST_DRAWN = 60
"""Layers; a drawing of more takes seconds, and the page draws at each key."""

MOST_EPOCHS = 50
MOST_TRAININGS = 2
"""At the same time, of all users."""

LOG = "log.txt"


def read(text: str) -> NetworkSpec:
    """Return the network of a text.

    Raises:
        SpecError: one line for each mistake, with its line and key.
    """
    source = parse_source(text, FILE)
    with source.blame():
        spec = validate(source)
        build_graph(spec)
    return spec


def check(text: str) -> tuple[Markup, Markup | None]:
    """Return what is to be said of a text, and its drawing; None if it describes no network."""
    try:
        spec = read(text)
        graph = build_graph(spec)
    except LoopyNetError as error:
        return alert(str(error)), None
    counts = {"layer": len(graph.layers), "loop": len(graph.loops), "unroll": graph.steps}
    said = "fine: " + ", ".join(f"{n} {word}{'s' * (n != 1)}" for word, n in counts.items())
    if len(graph.layers) > MOST_DRAWN:
        return fine(f"{said}; too many layers to draw here: see `loopynet draw`"), None
    return fine(said), diagram(spec, clickable=False)


def alert(text: str) -> Markup:
    """Return what is wrong, to be read out at once."""
    return Markup('<p class="alert" role="alert">{}</p>').format(text)


def fine(text: str) -> Markup:
    """Return what is right, to be read out when there is time."""
    return Markup('<p class="fine" role="status">{}</p>').format(text)


def for_digits(spec: NetworkSpec, epochs: int) -> NetworkSpec:
    """Return the same network, to be trained on the digits that come with scikit-learn.

    Args:
        spec: a network of gray images and ten classes.
        epochs: how many.

    Raises:
        LoopyNetError: it takes or gives something else, needs too much memory, or too many epochs.
    """
    graph = build_graph(spec)
    if len(graph.input_shape) != 3 or graph.input_shape[0] != 1 or graph.output_shape != (10,):
        raise LoopyNetError(
            "digits are gray images of ten classes: write input: {shape: [1, 8, 8]}, and a last "
            "layer of 10 units"
        )
    if not 1 <= epochs <= MOST_EPOCHS:
        raise LoopyNetError(f"the page trains for 1 to {MOST_EPOCHS} epochs")
    check_memory(graph, spec.training.least_images)
    resize = graph.input_shape[1:] != (8, 8)
    given = spec.training.model_dump(mode="json", by_alias=True, exclude_unset=True)
    document = {key: getattr(spec, key) for key in spec.model_fields_set}
    document["data"] = {"name": "digits", "resize": resize}
    document["training"] = {**given, "epochs": epochs, "protocol": "standard"}
    return NetworkSpec.model_validate(document)


@dataclass(frozen=True, eq=False)
class Training:
    """A run that is trained in a process of its own.

    Attributes:
        run: its folder.
        process: `loopynet resume` on that folder.
    """

    run: RunFolder
    process: subprocess.Popen[bytes]

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.poll() is not None

    def stop(self) -> None:
        """Ask it to save what it has and end."""
        if not self.ended:
            self.process.terminate()

    def why(self) -> str:
        """Return the last line that a failed process said."""
        lines = (self.run.path / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1][:500] if lines else "it ended without a word"

    def state(self) -> Markup:
        """Return how far it is, with the learning curves."""
        epochs = read_epochs(self.run)
        name, done = self.run.path.name, 0 if epochs is None else len(epochs.numbers)
        count = self.run.spec().training.epochs
        if not self.ended:
            said = fine(f"training {name}: epoch {done} of {count}")
        elif self.process.returncode in (0, 130, -15, 143):
            said = fine(f"{name} is trained: {done} of {count} epochs; choose it as a network")
        else:
            said = alert(f"the training ended early: {self.why()}")
        if epochs is None:
            return said
        with MATPLOTLIB:
            curves = [run_curves(epochs, figures, None) for figures in ("accuracy", "loss")]
        return Markup('{}<div class="panels curves">{}{}</div>').format(said, *curves)


class Trainings:
    """The trainings that run now, of all users: no more than `MOST_TRAININGS`."""

    def __init__(self) -> None:
        self._running: list[Training] = []
        self._lock = threading.Lock()

    def start(self, spec: NetworkSpec) -> Training:
        """Train a network into a new folder under `runs/`.

        Raises:
            LoopyNetError: too many run already, or the folder cannot be made.
        """
        with self._lock:
            self._running = [training for training in self._running if not training.ended]
            if len(self._running) >= MOST_TRAININGS:
                raise LoopyNetError(f"{MOST_TRAININGS} networks are being trained; wait for one")
            run = RunFolder.create(None, spec)
            run.write_spec(spec)
            training = Training(run, _process(run))
            self._running.append(training)
            return training

    def stop(self) -> None:
        """Stop all, when the page ends."""
        for training in self._running:
            training.stop()


def _process(run: RunFolder) -> subprocess.Popen[bytes]:
    with (run.path / LOG).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "loopynet", "resume", str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},  # the page has the other cores
        )
