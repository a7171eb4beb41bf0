"""The tab in which a network is written and trained."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
from markupsafe import Markup

from loopynet.errors import LoopyNetError
from loopynet.serve.building import MOST_EPOCHS, Training, Trainings, alert, check, for_digits, read
from loopynet.serve.wiring import Shared, html, quiet
from loopynet.zoo import zoo_names, zoo_text

FIRST = "digits-loopy"
SECONDS = 0.5
"""Between two looks at a training."""


def build_tab(shared: Shared, trainings: Trainings, choices: list[gr.Dropdown]) -> None:
    """Lay the tab out.

    Args:
        shared: the session and what belongs to it.
        trainings: where those of the page run.
        choices: what offers networks; those trained here are added.
    """
    training, first = gr.State(None), check(zoo_text(FIRST))
    with gr.Row():
        with gr.Column(min_width=360):
            start = gr.Dropdown(zoo_names(), value=FIRST, label="Begin with", elem_id="begin",
                                filterable=False)  # fmt: skip
            text = gr.Code(zoo_text(FIRST), language="yaml", label="Network as YAML",
                           elem_id="yaml", lines=18, max_lines=30, wrap_lines=True,
                           interactive=True)  # fmt: skip
            said = html(first[0], "verdict")
        with gr.Column(min_width=360):
            drawing = html(first[1] or "", "sketch")
            epochs = gr.Slider(1, MOST_EPOCHS, value=12, step=1, label="Epochs", elem_id="epochs",
                               buttons=[])  # fmt: skip
            with gr.Row():
                train = gr.Button("Train on digits", variant="primary", elem_id="train")
                stop = gr.Button("Stop", elem_id="stop")
            curves = html("", "curves")
    start.input(zoo_text, [start], [text], **quiet())
    text.change(_checked, [text], [said, drawing], trigger_mode="always_last", **quiet())

    def begin(document: str, count: float, now: Training | None) -> Iterator[Any]:
        yield from _train(trainings, document, int(count), now)

    begun = train.click(begin, [text, epochs, training], [training, curves], **quiet())
    begun.then(
        lambda: [gr.Dropdown(shared.networks.names())] * len(choices), [], choices, **quiet()
    )
    stop.click(_stop, [training], [curves], **quiet())


def _checked(document: str) -> list[Any]:
    """Return what is to be said of a text, and its drawing; the last one stays if there is none."""
    said, drawn = check(document or "")
    return [said, gr.skip() if drawn is None else drawn]


def _train(
    trainings: Trainings, document: str, epochs: int, now: Training | None
) -> Iterator[list[Any]]:
    """Train, and yield the curves until it has ended."""
    try:
        if now is not None and not now.ended:
            raise LoopyNetError(f"{now.run.path.name} is still being trained; stop it first")
        training = trainings.start(for_digits(read(document), epochs))
        while not training.ended:
            yield [training, training.state()]
            time.sleep(SECONDS)
        yield [training, training.state()]
    except LoopyNetError as error:
        yield [now, alert(str(error))]


def _stop(training: Training | None) -> Markup:
    if training is None:
        return alert("nothing is being trained")
    training.stop()
    return training.state()
