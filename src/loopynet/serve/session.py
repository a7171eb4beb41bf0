"""What one user of the page has chosen. A new one is made at every choice; none is shared."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor

from loopynet.data.decode import decode_image, frame_for
from loopynet.errors import DataError, LoopyNetError
from loopynet.foreign import read_bytes
from loopynet.serve.changes import Change, Changed, Rescale, Unrolls, change
from loopynet.serve.look import Look, first_layer, fitted, look, most_active
from loopynet.serve.networks import Networks, Trained
from loopynet.serve.stage import blank

PAGE = 20
"""Test images that are shown at once."""

LARGEST_UPLOAD = 20_000_000
"""Bytes."""

PAD = 28
"""Pixels of a side of the field for drawing."""

TABS = ("see", "change", "compare", "build")


@dataclass
class Count:
    """How many changes a user has made: what is still computed of an older one may end.

    Attributes:
        changes: the count.
    """

    changes: int = 0


@dataclass(frozen=True, eq=False)
class Session:
    """The state of one user.

    Attributes:
        subject: the chosen network; None before the page has loaded.
        pixels: the chosen image, uint8 of the network's shape.
        source: where it came from, in words.
        image: its number, if it is a test image.
        start: the number of the first test image in the gallery.
        layer: the chosen layer or merge.
        filter: its chosen filter.
        look: what the network makes of the image.
        changes: what was done to the network, in order.
        changed: the network after that.
        changed_look: what it makes of the image.
        other: the second network of a comparison.
        other_look: what it makes of the same image.
        tab: the tab that is open.
        count: the same object in all sessions of a user.
        number: what `count` was when the network was changed.
    """

    subject: Trained | None = None
    pixels: Tensor | None = None
    source: str = ""
    image: int | None = None
    start: int = 0
    layer: str = ""
    filter: int = 0
    look: Look | None = None
    changes: tuple[Change, ...] = ()
    changed: Changed | None = None
    changed_look: Look | None = None
    other: Trained | None = None
    other_look: Look | None = None
    tab: str = "see"
    count: Count = field(default_factory=Count)
    number: int = 0

    @property
    def newest(self) -> bool:
        """Whether the network was not changed since."""
        return self.number == self.count.changes

    @property
    def chosen(self) -> Trained:
        """The network; raises LoopyNetError if there is none."""
        if self.subject is None:
            raise LoopyNetError("no network is chosen; choose one in the list")
        return self.subject

    @property
    def numbers(self) -> range:
        """The test images in the gallery."""
        count = 0 if self.subject is None or self.subject.test is None else len(self.subject.test)
        return range(self.start, min(self.start + PAGE, count))

    @property
    def unrolls(self) -> int:
        """The most unrolls of what is shown."""
        looks = (self.look, self.changed_look, self.other_look)
        return max([look.unrolls for look in looks if look is not None], default=1)


def choose_network(networks: Networks, session: Session, name: str) -> Session:
    """Begin with a network, its first test image and its first looped layer."""
    subject = networks.get(name)
    new = Session(subject=subject, layer=first_layer(subject.net), tab=session.tab,
                  other=session.other, count=session.count, number=_next(session))  # fmt: skip
    if subject.test is not None and len(subject.test):
        filter = most_active(subject, subject.test.pixels[0], new.layer)
        return choose_image(replace(new, filter=filter), 0)
    return _with_image(new, blank(subject.shape), "a black image")


def choose_image(session: Session, number: object) -> Session:
    """Take a test image by its number; raises LoopyNetError if there is none."""
    test = session.chosen.test
    count = 0 if test is None else len(test)
    if test is None or not isinstance(number, int) or not 0 <= number < count:
        raise LoopyNetError(f"there is no test image {str(number)[:20]}; there are {count}")
    name = session.chosen.class_name(int(test.labels[number]))
    start = number - number % PAGE
    new = _with_image(session, test.pixels[number], f"test image {number}: {name}")
    return replace(new, image=number, start=start)


def turn_page(session: Session, pages: int) -> Session:
    """Show other test images in the gallery."""
    test = session.chosen.test
    last = 0 if test is None else (len(test) - 1) // PAGE * PAGE
    return replace(session, start=max(0, min(last, session.start + pages * PAGE)))


def upload_image(session: Session, file: str | Path) -> Session:
    """Take an uploaded file; raises DataError for what is no image, or too large."""
    where = "the uploaded file"
    path = Path(file)
    if path.stat().st_size > LARGEST_UPLOAD:
        raise DataError(f"{where} is larger than {LARGEST_UPLOAD // 10**6} MB: make it smaller")
    content = BytesIO(read_bytes(path, LARGEST_UPLOAD, DataError))
    frame = frame_for(session.chosen.shape, resize=True, any_color=True)
    pixels = torch.from_numpy(decode_image(content, frame, where).copy())
    return _with_image(session, pixels, "your image")


def draw_image(session: Session, values: object) -> Session:
    """Take what was drawn: 28 x 28 numbers from 0 to 255, row by row, as a digit is framed."""
    count = PAD * PAD
    numbers = values if isinstance(values, list) else []
    if len(numbers) != count or not all(type(v) is int and 0 <= v <= 255 for v in numbers):
        raise LoopyNetError(f"a drawing has {count} numbers from 0 to 255")
    drawn = torch.tensor(numbers, dtype=torch.uint8).reshape(1, PAD, PAD)
    return _with_image(session, framed(drawn, session.chosen.shape), "your drawing")


def framed(drawn: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Return a drawing as the digits that networks are trained on are framed.

    Those of MNIST fill 20 of 28 pixels and stand with their center of mass in the middle; those of
    8 x 8 pixels fill the height.

    Args:
        drawn: uint8 [1, H, W].
        shape: what the network takes.
    """
    inked = drawn[0].nonzero()
    if not len(inked):
        return blank(shape)
    (top, left), (bottom, right) = inked.amin(0).tolist(), inked.amax(0).tolist()
    part = drawn[:, top : bottom + 1, left : right + 1]
    height, width = shape[1:]
    share = 20 / 28 if height >= 16 else 1.0
    scale = share * min(height / part.shape[1], width / part.shape[2])
    sizes = [max(1, round(scale * n)) for n in part.shape[1:]]
    small = fitted(part, (1, min(sizes[0], height), min(sizes[1], width)))
    canvas = blank((1, height, width))
    weights = small[0].float()
    rows, columns = (torch.arange(n).float() for n in weights.shape)
    middle = (
        float((weights.sum(1) * rows).sum() / weights.sum().clamp(min=1)),
        float((weights.sum(0) * columns).sum() / weights.sum().clamp(min=1)),
    )
    y = _start(height, small.shape[1], middle[0], share < 1)
    x = _start(width, small.shape[2], middle[1], share < 1)
    canvas[:, y : y + small.shape[1], x : x + small.shape[2]] = small
    return fitted(canvas, shape)


def _start(room: int, length: int, middle: float, by_mass: bool) -> int:
    """Return where a drawing begins so that its middle is that of the room."""
    wanted = (room - 1) / 2 - middle if by_mass else (room - length) / 2
    return max(0, min(room - length, round(wanted)))


def choose_filter(session: Session, layer: str, filter: object) -> Session:
    """Look at another layer or filter."""
    if not isinstance(layer, str) or not isinstance(filter, int | float):
        raise LoopyNetError("a filter is a number of a layer")
    return _looked(replace(session, layer=layer, filter=int(filter)))


def compare_with(networks: Networks, session: Session, name: str) -> Session:
    """Look at the same image with a second network."""
    return _looked(replace(session, other=networks.get(name)))


def open_tab(session: Session, tab: str) -> Session:
    """Open a tab."""
    return replace(session, tab=tab if tab in TABS else "see")


def add_change(session: Session, new: Change) -> Session:
    """Change the network; raises LoopyNetError for what it cannot be.

    A slider that moves on makes one change, not many.
    """
    kept = session.changes
    if kept and isinstance(new, Rescale | Unrolls) and _same_slider(kept[-1], new):
        kept = kept[:-1]
    return _rebuilt(session, (*kept, new))


def _same_slider(one: Change, other: Rescale | Unrolls) -> bool:
    """Say whether two changes are of one loop's factor, or of the number of unrolls."""
    both = isinstance(one, Rescale) and isinstance(other, Rescale) and one.loop == other.loop
    return both or (isinstance(one, Unrolls) and isinstance(other, Unrolls))


def undo(session: Session) -> Session:
    """Take the last change back."""
    return _rebuilt(session, session.changes[:-1])


def reset(session: Session) -> Session:
    """Take all changes back."""
    return _rebuilt(session, ())


def _rebuilt(session: Session, changes: tuple[Change, ...]) -> Session:
    number = _next(session)  # first: what is computed of the last change should end
    changed = change(session.chosen.net, changes) if changes else None
    return _looked(replace(session, changes=changes, changed=changed, number=number))


def _next(session: Session) -> int:
    session.count.changes += 1
    return session.count.changes


def _with_image(session: Session, pixels: Tensor, source: str) -> Session:
    return _looked(replace(session, pixels=pixels, source=source, image=None))


def _looked(session: Session) -> Session:
    """Return the session with everything computed that its choices show."""
    subject, pixels = session.chosen, session.pixels
    assert pixels is not None
    seen = session.look
    choice = session.layer, session.filter
    if seen is None or seen.pixels is not pixels or (seen.layer, seen.filter) != choice:
        seen = look(subject, pixels, *choice)
    changed = other = None
    if session.changed is not None:
        net = session.changed.net
        changed = look(subject, pixels, seen.layer, seen.filter, net=net)
    if session.other is not None:
        theirs = fitted(pixels, session.other.shape)
        other = look(session.other, theirs, seen.layer, seen.filter)
    return replace(session, look=seen, layer=seen.layer, filter=seen.filter, changed_look=changed,
                   other_look=other)  # fmt: skip
