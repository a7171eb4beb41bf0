"""How an event of the page becomes a new session and new contents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from loopynet.errors import LoopyNetError
from loopynet.serve.building import alert
from loopynet.serve.networks import Networks
from loopynet.serve.session import Session


@dataclass(frozen=True, eq=False)
class Shared:
    """What all tabs read and write.

    Attributes:
        networks: what can be chosen.
        session: the state of the user.
        message: where mistakes are said.
        unroll: the slider.
    """

    networks: Networks
    session: gr.State
    message: gr.HTML
    unroll: gr.Slider


def html(value: str, name: str | None = None, *, listen: bool = False) -> gr.HTML:
    """Return an element of our own; with `listen` it tells what is clicked in it."""
    return gr.HTML(
        value,
        elem_id=name,
        elem_classes=["loopynet"],
        apply_default_css=False,
        js_on_load="loopynet.listen(element, trigger)" if listen else None,
    )


def respond(
    event: Any,
    shared: Shared,
    step: Callable[..., Session],
    inputs: list[Any],
    outputs: list[Any],
    then: Callable[[Session, int], list[Any]],
    *,
    sent: bool = False,
    **options: Any,
) -> Any:
    """Let an event change the session, and show what follows.

    A mistake is said, and leaves everything as it was.

    Args:
        event: of a component, such as `button.click`.
        shared: the session, the message and the slider.
        step: gets the session and the inputs' values; returns the new session.
        inputs: components.
        outputs: components.
        then: gets the new session and the unroll; returns what the outputs show.
        sent: whether `step` gets what the browser sent with the event.
        options: of gradio.
    """

    def run(session: Session, unroll: int, values: tuple[Any, ...]) -> list[Any]:
        try:
            new = step(session, *values)
            return [new, "", *then(new, int(unroll))]
        except LoopyNetError as error:
            return [session, alert(str(error)), *[gr.skip()] * len(outputs)]

    def plain(session: Session, unroll: int, *values: Any) -> list[Any]:
        return run(session, unroll, values)

    def with_data(session: Session, unroll: int, data: gr.EventData) -> list[Any]:
        found = getattr(data, "_data", None)
        return run(session, unroll, (found if isinstance(found, dict) else {},))

    return event(
        with_data if sent else plain,
        [shared.session, shared.unroll, *inputs],
        [shared.session, shared.message, *outputs],
        **quiet(),
        **options,
    )


def quiet() -> dict[str, Any]:
    """Return what all events have: no flicker while they run, no entry in a public API."""
    return {"show_progress": "hidden", "api_visibility": "private"}
