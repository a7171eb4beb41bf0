"""The page: what stands beside the tabs, and what follows when something is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from loopynet.errors import LoopyNetError
from loopynet.serve import session as to
from loopynet.serve import updates
from loopynet.serve.build_tab import build_tab
from loopynet.serve.building import Trainings
from loopynet.serve.change_tab import change_tab
from loopynet.serve.networks import Networks
from loopynet.serve.session import PAD, Session
from loopynet.serve.wiring import Shared, html, quiet, respond

SECONDS_AN_UNROLL = 0.8
"""When the unrolls play."""

PAD_HTML = (
    '<canvas width="280" height="280" tabindex="0" role="img" aria-label="field for drawing a '
    'digit; the arrow keys draw, and move without drawing while Shift is held"></canvas>'
    '<button type="button" class="plain">Clear</button>'
)


@dataclass(frozen=True, eq=False)
class Side:
    """What an image is chosen with."""

    source: gr.HTML
    gallery: gr.HTML
    earlier: gr.Button
    later: gr.Button
    upload: gr.UploadButton
    pad: gr.HTML


@dataclass(frozen=True, eq=False)
class Tabs:
    """The tabs, and what moves in them."""

    see: gr.Tab
    change: gr.Tab
    compare: gr.Tab
    build: gr.Tab
    drawing: gr.HTML
    layer: gr.Dropdown
    filter: gr.Slider
    other: gr.Dropdown
    stages: list[gr.HTML]
    controls: list[Any]


def page(networks: Networks, trainings: Trainings) -> gr.Blocks:
    """Return the page, not yet served.

    Args:
        networks: what can be chosen.
        trainings: where those of the page run.
    """
    cleaning = (600, 3600)  # uploaded files of more than an hour, every ten minutes
    with gr.Blocks(
        title="loopynet explorer", analytics_enabled=False, delete_cache=cleaning
    ) as blocks:
        session = gr.State(Session())
        html("<h1>loopynet explorer</h1>")
        with gr.Row():
            with gr.Column(scale=1, min_width=300) as beside:
                network = gr.Dropdown(networks.names(), value=networks.first, label="Network",
                                      elem_id="network", filterable=False)  # fmt: skip
                side = _side()
            with gr.Column(scale=3, min_width=480):
                message = html("", "message")
                with gr.Row(equal_height=True) as above:
                    unroll = _unroll()
                shared = Shared(networks, session, message, unroll[0])
                tabs = _tabs(shared, trainings, network)
        _choices(blocks, shared, network, side, tabs)
        _looks(shared, tabs)
        _player(shared, tabs, *unroll)
        for name in to.TABS:  # an editor and a drawing need the whole width
            getattr(tabs, name).select(partial(_room, name), None, [beside, above], **quiet())
    return blocks


def _side() -> Side:
    source = html("", "source")
    with gr.Tabs():
        with gr.Tab("Test images"):
            gallery = html("", "gallery", listen=True)
            with gr.Row():
                earlier = gr.Button("Earlier", size="sm", elem_id="earlier")
                later = gr.Button("Later", size="sm", elem_id="later")
        with gr.Tab("Upload"):
            upload = gr.UploadButton("Upload an image", file_types=["image"], type="filepath",
                                     elem_id="upload")  # fmt: skip
        with gr.Tab("Draw"):
            pad = gr.HTML(PAD_HTML, elem_id="pad", elem_classes=["loopynet"],
                          apply_default_css=False,
                          js_on_load=f"loopynet.pad(element, trigger, {PAD})")  # fmt: skip
    return Side(source, gallery, earlier, later, upload, pad)


def _unroll() -> tuple[gr.Slider, gr.Button, gr.Timer]:
    unroll = gr.Slider(1, 3, value=1, step=1, label="Unroll", elem_id="unroll", scale=5,
                       buttons=[])  # fmt: skip
    play = gr.Button("Play", elem_id="play", scale=1, min_width=90)
    return unroll, play, gr.Timer(SECONDS_AN_UNROLL, active=False)


def _tabs(shared: Shared, trainings: Trainings, network: gr.Dropdown) -> Tabs:
    stages: list[Any] = [None, None, None]
    with gr.Tabs():
        with gr.Tab("See") as see:
            drawing = html("", "drawing", listen=True)
            with gr.Row():
                layer = gr.Dropdown([], label="Layer or merge", elem_id="layer", filterable=False)
                filter = gr.Slider(0, 63, value=0, step=1, label="Filter", elem_id="filter",
                                   buttons=[])  # fmt: skip
            stages[0] = html("", "seen", listen=True)
        with gr.Tab("Change") as change:
            stages[1], connect = change_tab(shared)
        with gr.Tab("Compare") as compare:
            other = gr.Dropdown(shared.networks.names(), value=None, label="Second network",
                                elem_id="other", filterable=False)  # fmt: skip
            stages[2] = html("", "compared", listen=True)
        with gr.Tab("Build") as build:
            build_tab(shared, trainings, [network, other])
    controls = connect(stages)
    return Tabs(see, change, compare, build, drawing, layer, filter, other, stages, controls)


def _choices(
    blocks: gr.Blocks, shared: Shared, network: gr.Dropdown, side: Side, tabs: Tabs
) -> None:
    """Say what follows when a network or an image is chosen."""
    image = [side.source, side.gallery, shared.unroll, tabs.layer, tabs.filter, *tabs.stages]
    everything = [*image, tabs.drawing, *tabs.controls]
    choose = partial(to.choose_network, shared.networks)
    for event in (blocks.load, network.input):
        respond(event, shared, choose, [network], everything, updates.network)
    respond(side.gallery.select, shared, _from_gallery, [], image, updates.picked, sent=True)
    respond(side.pad.submit, shared, _from_pad, [], image, updates.image, sent=True)
    respond(side.upload.upload, shared, to.upload_image, [side.upload], image, updates.image)
    for button, pages in ((side.earlier, -1), (side.later, 1)):
        turn = partial(_turned, pages)
        respond(button.click, shared, turn, [], [side.gallery], updates.pictures)


def _looks(shared: Shared, tabs: Tabs) -> None:
    """Say what follows when a layer, a filter, an unroll, a second network or a tab is chosen."""
    chosen = [tabs.layer, tabs.filter, *tabs.stages]
    for component in (tabs.layer, tabs.filter):
        respond(component.input, shared, to.choose_filter, [tabs.layer, tabs.filter], chosen,
                updates.filters, trigger_mode="always_last")  # fmt: skip
    for shown in (tabs.drawing, *tabs.stages):
        respond(shown.select, shared, _clicked, [], chosen, updates.filters, sent=True)
    tabs.layer.change(None, [tabs.layer], None, js="(layer) => { window.loopynet.mark(layer); }")
    respond(tabs.other.input, shared, partial(to.compare_with, shared.networks), [tabs.other],
            [shared.unroll, *tabs.stages], updates.unrolls)  # fmt: skip
    for name in to.TABS:
        opened = partial(_opened, name)
        respond(getattr(tabs, name).select, shared, opened, [], tabs.stages, updates.stages)
    respond(shared.unroll.input, shared, _same, [], tabs.stages, updates.stages,
            trigger_mode="always_last")  # fmt: skip


def _player(
    shared: Shared, tabs: Tabs, unroll: gr.Slider, play: gr.Button, timer: gr.Timer
) -> None:
    """Let a button step through the unrolls."""
    playing = gr.State(False)

    def toggle(now: bool) -> list[Any]:
        return [not now, gr.Button("Play" if now else "Pause"), gr.Timer(active=not now)]

    play.click(toggle, [playing], [playing, play, timer], **quiet())
    respond(timer.tick, shared, _same, [], [unroll, *tabs.stages], updates.played)


def _room(name: str) -> list[Any]:
    return [gr.Column(visible=name != "build"), gr.Row(visible=name != "build")]


def _same(session: Session) -> Session:
    return session


def _opened(name: str, session: Session) -> Session:
    return to.open_tab(session, name)


def _turned(pages: int, session: Session) -> Session:
    return to.turn_page(session, pages)


def _from_gallery(session: Session, sent: dict[str, Any]) -> Session:
    return to.choose_image(session, sent.get("image"))


def _from_pad(session: Session, sent: dict[str, Any]) -> Session:
    return to.draw_image(session, sent.get("pixels"))


def _clicked(session: Session, sent: dict[str, Any]) -> Session:
    """Choose what was clicked: a layer of a drawing, or a filter of the overview."""
    if "layer" not in sent and "filter" not in sent:
        raise LoopyNetError("a click chooses a layer or a filter")
    layer, filter = sent.get("layer", session.layer), sent.get("filter", session.filter)
    return to.choose_filter(session, layer, filter)
