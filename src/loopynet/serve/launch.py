"""Serves the page on this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loopynet.errors import LoopyNetError

HOST, PORT = "127.0.0.1", 7860
LOCAL = ("127.0.0.1", "localhost", "::1")
USERS = 16
"""Answers that are computed at the same time."""


def explore(
    run: str | None = None,
    *,
    host: str = HOST,
    port: int | None = PORT,
    say: Callable[[str], None] = print,
    forever: bool = True,
) -> Any:
    """Serve the page until it is interrupted.

    Args:
        run: a run folder, the name of a run, or that of a trained zoo entry to begin with; None for
            the first zoo entry.
        host: the address that is listened at; the default is reached from this machine only.
        port: the port; None for any free one from 7860 on.
        say: is told the address.
        forever: whether to wait; if not, the running page is returned, which has `close`.

    Raises:
        LoopyNetError: gradio is not installed, or the port is taken.
        RunError: there is no such run.
    """
    _stay_offline()  # before any of the libraries that read these words is imported
    _need_gradio()
    import torch

    from loopynet.serve.networks import Networks

    torch.set_num_threads(1)  # one image is too little work for two threads, which would wait
    networks = Networks(run)
    files = Path(tempfile.mkdtemp(prefix="loopynet-explore-"))
    os.environ["GRADIO_TEMP_DIR"] = str(files)  # else uploads would lie in a folder of all users
    from loopynet.serve.building import Trainings
    from loopynet.serve.page import page

    trainings = Trainings()
    blocks = page(networks, trainings)
    try:
        _, address, _ = _launch(blocks, host, port)
        say(f"open {address} in a browser; Ctrl-C ends")
        if not forever:
            return blocks
        while True:
            time.sleep(3600)
    finally:
        if forever:
            trainings.stop()
            blocks.close(verbose=False)
            shutil.rmtree(files, ignore_errors=True)


def _stay_offline() -> None:
    """Let no library of the page look for anything on the network."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"


def _need_gradio() -> None:
    try:
        import gradio  # noqa: F401
    except ImportError:
        raise LoopyNetError(
            "the explorer needs gradio, which is not installed: pip install 'loopynet[explore]'"
        ) from None


def _launch(blocks: Any, host: str, port: int | None) -> Any:
    from loopynet.serve.session import LARGEST_UPLOAD

    blocks.queue(default_concurrency_limit=USERS, api_open=False)
    try:
        return blocks.launch(
            server_name=host,
            server_port=port,
            theme=_theme(),
            css=_asset("page.css"),
            head=f"<script>{_asset('page.js')}</script>",
            max_file_size=LARGEST_UPLOAD,
            prevent_thread_lock=True,
            share=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            enable_monitoring=False,
            run_history=False,
            footer_links=[],
            app_kwargs={"middleware": _only_names_of(host)},
            quiet=True,
        )
    except OSError as error:
        reason = str(error).splitlines()[0]
        raise LoopyNetError(f"{host}, port {port}: cannot be listened at ({reason})") from None


def _only_names_of(host: str) -> list[Any]:
    """Return what refuses requests under foreign names, if only this machine is to reach the page.

    A page of a stranger could otherwise let its own name lead here, and read the answers.
    """
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    names = ["localhost", "127.0.0.1", "[::1]"]
    return [Middleware(TrustedHostMiddleware, allowed_hosts=names)] if host in LOCAL else []


def _theme() -> Any:
    """Return colors whose contrast is 4.5 to 1 or more, and fonts that the machine has."""
    import gradio as gr

    theme = gr.themes.Base(
        primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["monospace"]
    )
    return theme.set(
        color_accent="*primary_700",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_label_text_color="*neutral_700",
        block_title_text_color="*neutral_700",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        slider_color="*primary_700",
    )


def _asset(name: str) -> str:
    """Return a file of this folder."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
