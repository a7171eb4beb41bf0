"""The tab in which a trained network is changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from loopynet.serve import session as to
from loopynet.serve import updates, views
from loopynet.serve.accuracy import effects
from loopynet.serve.changes import MOST_UNROLLS, AddLoop, Cut, Remerge, Rescale, Unrolls
from loopynet.serve.session import Session
from loopynet.serve.wiring import Shared, html, quiet, respond
from loopynet.spec import to_yaml

PAUSE = 0.3
"""Seconds; the processor is for the browser then, which draws."""

SHOWN = 50
"""Images after which the accuracy is shown anew."""

FITS = ("error", "resize", "project", "pad")


Connect = Callable[[list[gr.HTML]], list[Any]]
"""Gets where See, Change and Compare show what they have, once all are laid out; returns what a
new network fills here."""


def change_tab(shared: Shared) -> tuple[gr.HTML, Connect]:
    """Lay the tab out; returns where it shows images, and what connects its events."""
    with gr.Row():
        with gr.Column(scale=1, min_width=240):
            loop = _choice("Loop", "loop")
            cut = gr.Button("Cut the loop", elem_id="cut", size="sm")
            factor = gr.Slider(-1, 3, value=1, step=0.05, label="Signal times", elem_id="factor",
                               buttons=[])  # fmt: skip
            merge = _choice("Merge", "merge")
            steps = gr.Slider(1, MOST_UNROLLS, value=3, step=1, label="Unrolls k", elem_id="steps",
                              buttons=[])  # fmt: skip
            with gr.Accordion("Add a loop", open=False, elem_id="new-loop"):
                source, target = _choice("From", "from"), _choice("To", "to")
                how = gr.Dropdown(("sum", "mul", "mean", "max", "modulate"), value="sum",
                                  label="Merged by", elem_id="how", filterable=False)  # fmt: skip
                fit = gr.Dropdown(FITS, value="resize", label="Fit", elem_id="fit",
                                  filterable=False)  # fmt: skip
                add = gr.Button("Add the loop", elem_id="add", size="sm")
        with gr.Column(scale=2, min_width=320):
            drawing = html("", "changed-drawing")
            history = html("", "history")
            with gr.Row():
                undo = gr.Button("Undo", elem_id="undo", size="sm")
                reset = gr.Button("As trained", elem_id="reset", size="sm")
                export = gr.Button("Export as YAML", elem_id="export", size="sm")
            effect = html("", "effect")
            yaml = gr.Code("", language="yaml", label="The changed network", elem_id="exported",
                           interactive=False, visible=False)  # fmt: skip
    controls = [loop, merge, steps, source, target, history]
    version = gr.State(0)
    version.change(_effects, [shared.session], [drawing, effect], **quiet())
    steps_of: tuple[tuple[Any, Callable[..., Session], list[Any]], ...] = (
        (cut.click, lambda s, name: to.add_change(s, Cut(name)), [loop]),
        (factor.input, lambda s, name, x: to.add_change(s, Rescale(name, x)), [loop, factor]),
        (merge.input, lambda s, name, how: to.add_change(s, Remerge(name, how)), [loop, merge]),
        (steps.input, lambda s, k: to.add_change(s, Unrolls(int(k))), [steps]),
        (add.click, lambda s, *edge: to.add_change(s, AddLoop(*edge)), [source, target, how, fit]),
        (undo.click, to.undo, []),
        (reset.click, to.reset, []),
    )
    respond(export.click, shared, lambda s: s, [], [yaml], _exported)

    def connect(stages: list[gr.HTML]) -> list[Any]:
        shown = [shared.unroll, *stages, *controls, yaml, version]
        for event, step, inputs in steps_of:
            respond(event, shared, step, inputs, shown, _slid if inputs == [steps] else _changed,
                    trigger_mode="always_last")  # fmt: skip
        return [*controls, drawing, effect]

    return html("", "changed", listen=True), connect


def _choice(label: str, name: str) -> gr.Dropdown:
    return gr.Dropdown([], label=label, elem_id=name, filterable=False)


def _changed(session: Session, unroll: int) -> list[Any]:
    hidden = gr.Code(visible=False)
    return [*updates.change(session, unroll), hidden, session.number]


def _slid(session: Session, unroll: int) -> list[Any]:
    """As `_changed`, but for the slider of unrolls, which may be moving on."""
    shown = _changed(session, unroll)
    return [*shown[:6], gr.skip(), *shown[7:]]


def _exported(session: Session, unroll: int) -> list[Any]:
    spec = session.chosen.net.spec if session.changed is None else session.changed.spec
    return [gr.Code(to_yaml(spec), visible=True)]


def _effects(session: Session) -> Iterator[list[Any]]:
    """Yield the drawing, then what the change does to the accuracy, on ever more images.

    It begins when the page has shown what it does to the image, and ends at the next change.
    """
    yield [views.changed_drawing(session), views.effect(session, None)]
    if session.changed is None or session.chosen.test is None:
        return
    time.sleep(PAUSE)
    if session.newest:
        for found in effects(session.chosen, session.changed.net):
            if not session.newest:
                return
            if found.images % SHOWN == 0 or found.images == found.total:
                yield [gr.skip(), views.effect(session, found)]
