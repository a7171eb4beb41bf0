"""The tabs' contents as HTML, made of a session and the unroll that is looked at."""

from __future__ import annotations

from markupsafe import Markup

from loopynet.serve.accuracy import Effect
from loopynet.serve.diagram import diagram
from loopynet.serve.look import Look
from loopynet.serve.networks import Trained
from loopynet.serve.session import Session
from loopynet.serve.stage import image_png, stage, uri
from loopynet.statistics import Estimate


def see(session: Session, unroll: int) -> Markup:
    """Return the image in the network at an unroll."""
    if session.look is None:
        return Markup("")
    return stage(session.chosen, session.look, unroll)


def changed(session: Session, unroll: int) -> Markup:
    """Return the image in the trained and in the changed network at an unroll."""
    if session.look is None:
        return Markup("")
    if session.changed is None or session.changed_look is None:
        return Markup('<p class="note">{}</p>').format("Nothing is changed yet.")
    after = Markup("{}{}").format(_untrained(session), _said(session))
    return _two(
        _column("as trained", session.chosen, session.look, unroll, Markup("")),
        _column("changed", session.chosen, session.changed_look, unroll, after),
    )


def compared(session: Session, unroll: int) -> Markup:
    """Return the image in both networks at an unroll."""
    if session.look is None:
        return Markup("")
    if session.other is None or session.other_look is None:
        return Markup('<p class="note">{}</p>').format("Choose the second network.")
    nothing = Markup("")
    return _two(
        _column(session.chosen.name, session.chosen, session.look, unroll, nothing),
        _column(session.other.name, session.other, session.other_look, unroll, nothing),
    )


def source(session: Session) -> Markup:
    """Return the chosen image and where it came from."""
    assert session.pixels is not None
    return Markup('<div class="source"><img src="{}" alt=""><p>{}</p></div>').format(
        uri(image_png(session.pixels)), session.source
    )


def drawing(session: Session) -> Markup:
    """Return the drawing of the network, on which layers can be chosen."""
    return diagram(session.chosen.net.spec, session.layer)


def changed_drawing(session: Session) -> Markup:
    """Return the drawing of the changed network."""
    spec = session.chosen.net.spec if session.changed is None else session.changed.spec
    return diagram(spec, clickable=False)


def history(session: Session) -> Markup:
    """Return the changes in words."""
    if not session.changes:
        return Markup('<p class="note">{}</p>').format("No changes.")
    items = Markup("").join(Markup("<li>{}</li>").format(str(one)) for one in session.changes)
    return Markup('<ol class="note" aria-label="changes">{}</ol>').format(items)


def effect(session: Session, found: Effect | None) -> Markup:
    """Return what a change does to the accuracy on test images."""
    if session.changed is None:
        return Markup("")
    if found is None and session.chosen.test is not None:
        return Markup('<p class="note">{}</p>').format("Looking at test images...")
    if found is None:
        reason = session.chosen.why_no_test or "there are none"
        return Markup('<p class="note">{}</p>').format(f"No test images: {reason}")
    rows = Markup("").join(
        Markup('<tr><th scope="row">{}</th><td>{}</td></tr>').format(name, text)
        for name, text in (
            ("as trained", _percent(found.before)),
            ("changed", _percent(found.after)),
            ("difference", _points(found.difference)),
        )
    )
    counted = f"{found.images:,} of {found.total:,} test images, last unroll, 95 % intervals"
    return Markup("<table><caption>accuracy on test images</caption><tbody>{}</tbody></table>"
                  '<p class="note">{}</p>').format(rows, counted)  # fmt: skip


def _percent(found: Estimate) -> str:
    return f"{100 * found.mean:.1f} %" + _interval(found, ".1f")


def _points(found: Estimate) -> str:
    return f"{100 * found.mean:+.1f} points" + _interval(found, "+.1f")


def _interval(found: Estimate, form: str) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" ({100 * found.low:{form}} to {100 * found.high:{form}})"


def _untrained(session: Session) -> Markup:
    """Say which weights nothing has trained."""
    assert session.changed is not None
    names = session.changed.untrained
    if not names:
        return Markup("")
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return Markup('<p class="note"><b>Not trained:</b> {}</p>').format(f"{shown}, as drawn.")


def _said(session: Session) -> Markup:
    """Say what the class was before and is now."""
    assert session.look is not None
    assert session.changed_look is not None
    names = [
        session.chosen.class_name(int(look.probabilities[-1].argmax()))
        for look in (session.look, session.changed_look)
    ]
    same = names[0] == names[1]
    text = f"still {names[1]}" if same else f"{names[1]} instead of {names[0]}"
    return Markup('<p class="note">Answer at the last unroll: <b>{}</b></p>').format(text)


def _two(left: Markup, right: Markup) -> Markup:
    return Markup('<div class="two">{}{}</div>').format(left, right)


def _column(title: str, subject: Trained, look: Look, unroll: int, note: Markup) -> Markup:
    return Markup('<section aria-label="{}"><h2>{}</h2>{}{}</section>').format(
        title, title, note, stage(subject, look, unroll, image=False)
    )
