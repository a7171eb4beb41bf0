"""What components show after a choice: lists in the order in which `page.py` names them."""

from __future__ import annotations

from typing import Any

import gradio as gr

from loopynet.parts.merges import merges
from loopynet.serve import views
from loopynet.serve.look import layers_of
from loopynet.serve.session import Session
from loopynet.serve.stage import gallery


def stages(session: Session, unroll: int) -> list[Any]:
    """Return the contents of See, Change and Compare; those not open stay as they are."""
    made = {"see": views.see, "change": views.changed, "compare": views.compared}
    return [
        make(session, unroll) if session.tab == name else gr.skip() for name, make in made.items()
    ]


def unrolls(session: Session, unroll: int) -> list[Any]:
    """Return the slider's new range, and the stages."""
    most = session.unrolls
    now = min(unroll, most)
    slider = gr.Slider(maximum=max(2, most), value=now, interactive=most > 1)
    return [slider, *stages(session, now)]


def played(session: Session, unroll: int) -> list[Any]:
    """Return the following unroll, the first after the last, and the stages."""
    following = unroll % session.unrolls + 1
    return [following, *stages(session, following)]


def filters(session: Session, unroll: int) -> list[Any]:
    """Return the chosen layer, the range of its filters, and the stages."""
    assert session.look is not None
    most = session.look.filters - 1
    slider = gr.Slider(maximum=max(1, most), value=session.filter, interactive=most > 0)
    return [gr.update(value=session.layer), slider, *stages(session, unroll)]


def pictures(session: Session, unroll: int) -> list[Any]:
    """Return the gallery."""
    return [gallery(session.chosen, session.numbers, session.image)]


def image(session: Session, unroll: int) -> list[Any]:
    """Return what moves with the image."""
    slider, *rest = unrolls(session, unroll)
    layer, filter, *_ = filters(session, unroll)
    return [views.source(session), *pictures(session, unroll), slider, layer, filter, *rest]


def picked(session: Session, unroll: int) -> list[Any]:
    """As `image`, but for the gallery, in which the browser has marked the image already."""
    source, _, *rest = image(session, unroll)
    return [source, gr.skip(), *rest]


def network(session: Session, unroll: int) -> list[Any]:
    """Return everything: what moves with the image, the drawing, what can be changed."""
    source, gallery, slider, _, filter, *rest = image(session, unroll)
    layer = gr.Dropdown(layers_of(session.chosen.net), value=session.layer)
    drawing = views.drawing(session)
    changing = [*controls(session), views.changed_drawing(session), views.effect(session, None)]
    return [source, gallery, slider, layer, filter, *rest, drawing, *changing]


def change(session: Session, unroll: int) -> list[Any]:
    """Return what moves with a change of the network."""
    return [*unrolls(session, unroll), *controls(session)]


def controls(session: Session) -> list[Any]:
    """Return what can be changed, and the changes so far."""
    trained = session.chosen.net.spec
    spec = trained if session.changed is None else session.changed.spec
    loops = list(spec.loops)
    first = loops[0] if loops else None
    return [
        gr.Dropdown(loops, value=first),
        gr.Dropdown(list(merges.names()), value=spec.loops[first].merge if first else None),
        gr.Slider(value=spec.unroll.steps, interactive=bool(loops)),
        gr.Dropdown(list(spec.main), value=spec.main[-2] if len(spec.main) > 1 else None),
        gr.Dropdown(list(spec.main), value=spec.main[0]),
        views.history(session),
    ]
