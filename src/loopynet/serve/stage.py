"""What one unroll looks like, as HTML: pictures, all filters of a layer, class probabilities."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from markupsafe import Markup
from torch import Tensor

from loopynet.explain import MergeMap, overlay
from loopynet.explain.pictures import map_png, merge_range, overlay_png
from loopynet.serve.look import Look
from loopynet.serve.networks import Trained

CLASSES_SHOWN = 6
GAP = 1
"""Pixels between the filters of the overview."""


@lru_cache(maxsize=32)
def stage(subject: Trained, look: Look, unroll: int, *, image: bool = True) -> Markup:
    """Return all that is shown of an unroll.

    Args:
        subject: the network.
        look: what was computed.
        unroll: which, from 1; the last one if there are not so many.
        image: whether the image itself is among it.
    """
    unroll = max(1, min(unroll, look.unrolls))
    panels = [*([_image(look)] if image else []), *_filter(look, unroll), *_merges(look, unroll)]
    return Markup('<div class="panels">{}</div><div class="panels">{}{}</div>').format(
        Markup("").join(panels), overview(look, unroll), probabilities(subject, look, unroll)
    )


def panel(png: bytes, alt: str, caption: str, note: str = "") -> Markup:
    """Return a picture with its name below; `note` says what its colors mean."""
    image = Markup('<img src="{}" alt="{}">').format(uri(png), alt)
    return _figure(image, caption, note)


def _number(text: str, caption: str, note: str) -> Markup:
    """Return a number, or a word, where others have a picture."""
    return _figure(Markup('<p class="value">{}</p>').format(text), caption, note)


def _figure(content: Markup, caption: str, note: str) -> Markup:
    below = Markup("<br>") + note if note else ""
    return Markup("<figure>{}<figcaption><b>{}</b>{}</figcaption></figure>").format(
        content, caption, below
    )


def uri(png: bytes) -> str:
    """Return a PNG file as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def image_png(pixels: Tensor) -> bytes:
    """Return an image, uint8 [C, H, W], as a PNG file."""
    from PIL import Image

    array = pixels.expand(3, -1, -1).movedim(0, -1).contiguous().numpy()
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, format="png")
    return stream.getvalue()


def _image(look: Look) -> Markup:
    return panel(image_png(look.pixels), "the image that the network sees", "image")


def _filter(look: Look, unroll: int) -> list[Markup]:
    """Return the chosen filter's activation, and what it looks at."""
    t = look.at(unroll)
    name = f"{look.layer}@{t}, {'filter' if len(look.activations[t].shape) > 1 else 'unit'}"
    name = f"{name} {look.filter}"
    most = reach([value[look.filter] for value in look.activations.values()])
    value = look.activations[t][look.filter]
    if value.dim():
        shown = panel(map_png(value, most), f"activation of {name}", name,
                      f"activation, {_ends(value, most)}")  # fmt: skip
    else:
        shown = _number(f"{float(value):.3g}", name, "activation")
    row = look.guided.unrolls.index(t)
    most = float(look.guided.reach[0])
    seen = panel(map_png(look.guided.maps[row, 0], most), f"guided backpropagation of {name}",
                 "guided backpropagation", f"of {look.layer}@{t}, ±{most:.2g}")  # fmt: skip
    return [shown, seen]


def _ends(value: Tensor, most: float) -> str:
    """Say where the colors of a map end."""
    return f"±{most:.2g}" if float(value.min()) < 0 else f"0 to {most:.2g}"


def reach(values: Sequence[Tensor]) -> float:
    """Return where the colors of some maps end, the same at all unrolls.

    That is what 99 of 100 absolute values above 0 do not exceed: the few largest would leave the
    others dark.
    """
    every = torch.cat([value.flatten() for value in values]).abs()
    every = every[every > 0]
    return float(np.quantile(every.numpy(), 0.99)) if len(every) else 1e-12


def _merges(look: Look, unroll: int) -> list[Markup]:
    """Return where each merge's signal acts at this unroll."""
    names = {view.name.partition("@")[0] for views in look.merges.values() for view in views}
    panels = []
    for edge in sorted(names):
        every = [
            v for views in look.merges.values() for v in views if v.name.startswith(f"{edge}@")
        ]
        now = [view for view in every if view.unroll == unroll]
        if now:
            panels.append(_merge(look, now[0], every))
        else:
            panels.append(_number("no signal", f"{edge}@{unroll}", "nothing arrives"))
    return panels


def _merge(look: Look, view: MergeMap, every: Sequence[MergeMap]) -> Markup:
    note = f"{view.merge}: {view.measure} of the signal"
    if view.attention is None:
        size = float(view.signal.norm() / (view.forward.norm() + view.signal.norm()).clamp(1e-12))
        return _number(f"{size:.0%}", view.name, f"{view.merge}: share of the norms")
    low, high = merge_range(every)
    png = overlay_png(overlay(look.pixels / 255, view.attention[0], low, high))
    return panel(png, f"where {view.name} acts", view.name, f"{note}, {low:.2g} to {high:.2g}")


def overview(look: Look, unroll: int) -> Markup:
    """Return all filters of the layer at an unroll, the chosen one framed; a click chooses one."""
    t = look.at(unroll)
    most = reach(list(look.activations.values()))
    sheet, columns, rows = tiles(look.activations[t])
    column, row = look.filter % columns, look.filter // columns
    frame = f"left:{100 * column / columns:.3f}%;top:{100 * row / rows:.3f}%;"
    frame += f"width:{100 / columns:.3f}%;height:{100 / rows:.3f}%"
    what = "filters" if look.activations[t].dim() > 1 else "units"
    return Markup(
        '<figure class="overview"><div class="sheet" data-columns="{}" data-rows="{}" '
        'data-filters="{}"><img src="{}" alt="{}"><span class="frame" style="{}"></span></div>'
        "<figcaption><b>{}</b><br>{}</figcaption></figure>"
    ).format(
        columns, rows, look.filters, uri(map_png(sheet, most)),
        f"activations of all {what} of {look.layer}@{t}", frame,
        f"{look.layer}@{t}, all {look.filters} {what}", "click one to choose it",
    )  # fmt: skip


def tiles(values: Tensor) -> tuple[Tensor, int, int]:
    """Return filters [C, H, W], or units [F], side by side in one map; with columns and rows."""
    if values.dim() == 1:
        values = values[:, None, None].expand(-1, 6, 6)
    count, height, width = values.shape
    columns = max(1, min(count, round((count * height / width) ** 0.5 + 0.49)))
    rows = -(-count // columns)
    sheet = values.new_zeros((rows * columns, height + GAP, width + GAP))
    sheet[:count, :height, :width] = values
    grid = sheet.reshape(rows, columns, height + GAP, width + GAP).transpose(1, 2)
    return grid.reshape(rows * (height + GAP), columns * (width + GAP)), columns, rows


def probabilities(subject: Trained, look: Look, unroll: int) -> Markup:
    """Return the likeliest classes at every unroll as a table of bars, this unroll marked."""
    values = look.probabilities
    likely = values.amax(0).topk(min(CLASSES_SHOWN, values.shape[1])).indices
    order = sorted(likely.tolist(), key=lambda c: -float(values[-1, c]))
    times = range(look.first, look.first + len(values))
    head = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(_here(t == unroll), f"unroll {t}") for t in times
    )
    rows = []
    for c in order:
        cells = Markup("").join(_bar(float(values[i, c]), t == unroll) for i, t in enumerate(times))
        rows.append(
            Markup('<tr><th scope="row">{}</th>{}</tr>').format(subject.class_name(c), cells)
        )
    return Markup(
        '<div class="probabilities" tabindex="0" role="group" aria-label="class probabilities">'
        "<table><caption>class probabilities at each unroll</caption>"
        '<thead><tr><th scope="col">class</th>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(head, Markup("").join(rows))


def _here(now: bool) -> Markup:
    return Markup(' class="now" aria-current="step"') if now else Markup("")


def _bar(share: float, now: bool) -> Markup:
    return Markup('<td{}><span class="bar" style="width:{}%"></span><span>{} %</span></td>').format(
        Markup(' class="now"') if now else "", f"{45 * share:.1f}", f"{100 * share:.1f}"
    )


def gallery(subject: Trained, numbers: Sequence[int], chosen: int | None) -> Markup:
    """Return test images as buttons."""
    if subject.test is None:
        return Markup('<p class="note">{}</p>').format(
            f"The test images are not at hand: {subject.why_no_test}. Upload an image instead."
        )
    buttons = []
    for n in numbers:
        said = f"test image {n}: {subject.class_name(int(subject.test.labels[n]))}"
        pressed, png = "true" if n == chosen else "false", image_png(subject.test.pixels[n])
        buttons.append(
            Markup(
                '<button type="button" data-image="{}" aria-pressed="{}" title="{}">'
                '<img src="{}" alt="{}"></button>'
            ).format(n, pressed, said, uri(png), said)
        )
    return Markup('<div class="gallery" role="group" aria-label="test images">{}</div>').format(
        Markup("").join(buttons)
    )


def blank(shape: tuple[int, int, int]) -> Tensor:
    """Return a black image."""
    return torch.zeros(shape, dtype=torch.uint8)
