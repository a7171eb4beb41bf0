"""One process that draws inputs for a slow reader with hypothesis; `fuzz.py` starts it.

The inputs are those of the seeds with parts put in that are hostile: a value in a network file or
in the JSON of a run, a column of a table, a word of a command line.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from fuzz_log import Log, guarded
from fuzz_seeds import ROOT, seeds, words
from fuzz_targets import TARGETS

BATCH = 50
NAMES = st.sampled_from(
    [
        "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "$\\frac{", "[/bold]",
        "\x1b[2J", "../../etc/passwd", "/etc/passwd", "a" * 300, "{{7*7}}", "'; --", "\u202egnp",
        "%s%n", "CON", "", "]]>", "&lt;", "-o", "--help", "=1+1", "\x00", "nul\x7f", "名前",
        "```\n# x", "http://localhost/",
    ]
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-2, 20),
    st.sampled_from([2**31, 2**63, 10**9, 10**18, -(10**30), 0.0, -0.0, 1e308, 1e-320]),
    st.floats(),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, NAMES, st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def changed(draw: st.DrawFn, document: Any) -> Any:
    """Return plain data with some values, or keys, replaced or left out."""
    for _ in range(draw(st.integers(1, 3))):
        document = _change(draw, document)
    return document


def _change(draw: st.DrawFn, data: Any) -> Any:
    if not data or not isinstance(data, dict | list) or draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    if isinstance(data, list):
        place = draw(st.integers(0, len(data) - 1))
        return [*data[:place], _change(draw, data[place]), *data[place + 1 :]]
    key = draw(st.sampled_from(sorted(data, key=str)))
    rest = {k: v for k, v in data.items() if k != key}
    if draw(st.integers(0, 7)) == 0:
        return rest
    if draw(st.integers(0, 7)) == 0:
        return rest | {draw(NAMES): data[key]}
    return data | {key: _change(draw, data[key])}


@st.composite
def spliced(draw: st.DrawFn, data: bytes) -> bytes:
    """Return bytes of which some are replaced, doubled or left out."""
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 16)))
        part = draw(st.one_of(st.binary(max_size=16), st.just(data[start:end] * 3)))
        data = data[:start] + part + data[end:]
    return data


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """Return a network file whose values were changed."""
    import yaml

    text = draw(st.sampled_from(seeds("config"))).decode()
    document = draw(changed(yaml.safe_load(text)))
    return yaml.safe_dump(document, allow_unicode=True).encode(errors="replace")


@st.composite
def report(draw: st.DrawFn) -> bytes:
    """Return a run folder of which some files were changed."""
    files = dict(json.loads(seeds("report")[0]))
    for name in draw(st.lists(st.sampled_from(sorted(files)), min_size=1, max_size=3)):
        text = files[name]
        known = json.loads(seeds("report")[0])[name]
        if name.endswith(".json") and draw(st.booleans()):
            files[name] = json.dumps(draw(changed(json.loads(known))))
        else:
            data = text.encode("latin-1", "replace")
            files[name] = draw(spliced(data)).decode("latin-1")
    if draw(st.booleans()):
        files["failure.txt"] = draw(NAMES)
    return json.dumps(files).encode()


@st.composite
def parquet(draw: st.DrawFn) -> bytes:
    """Return a table of images, with columns and cells of all kinds, or a damaged file."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    rows = draw(st.integers(0, 4))
    cell = st.fixed_dictionaries(
        {
            "bytes": st.one_of(st.none(), st.sampled_from(seeds("image")), st.binary(max_size=9)),
            "path": st.one_of(st.none(), NAMES),
        }
    )
    kinds = [
        ("image", cell, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("image", st.binary(max_size=9), pa.binary()),
        ("label", st.integers(-2, 12) | st.none(), pa.int64()),
        ("label", NAMES.filter(lambda n: "\0" not in n) | st.none(), pa.string()),
        ("fine_label", st.floats(), pa.float64()),
        ("label", st.lists(st.integers(0, 3), max_size=2), pa.list_(pa.int64())),
    ]
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=3))
    table = {
        name: pa.array(draw(st.lists(values, min_size=rows, max_size=rows)), kind)
        for name, values, kind in chosen
    }
    stream = io.BytesIO()
    pq.write_table(pa.table(table), stream)
    return draw(spliced(stream.getvalue())) if draw(st.booleans()) else stream.getvalue()


@st.composite
def command(draw: st.DrawFn) -> bytes:
    """Return a command line and a file."""
    line, _, body = draw(st.sampled_from(seeds("command"))).partition(b"\n")
    parts = line.decode().split()
    hostile = st.one_of(NAMES, st.sampled_from(words("override")), st.text(max_size=6))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(parts)))
        parts = [*parts[:place], draw(hostile), *parts[place + draw(st.integers(0, 1)) :]]
    text = " ".join(f"'{p}'" if " " in p else p for p in parts).replace("\n", " ")
    return text.encode(errors="surrogateescape") + b"\n" + draw(spliced(body))


STRATEGIES = {"written": written, "report": report, "parquet": parquet, "command": command}


def main() -> None:
    """Draw inputs until they or the time are used up."""
    name, work, inputs, seconds, first = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])
    from loopynet.errors import LoopyNetError

    warnings.simplefilter("ignore")
    with contextlib.suppress(Exception):  # imports take longer than an input may
        TARGETS[name](seeds(name)[0])
    log = Log(work / "findings")
    once = guarded(TARGETS[name], log, LoopyNetError)
    for data in seeds(name):
        once(data)
    end, batch = time.monotonic() + seconds, 0
    while log.counts["inputs"] < inputs and time.monotonic() < end:
        batch += 1

        @seed(first + batch)
        @settings(
            max_examples=BATCH, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(STRATEGIES[name]())
        def draw(data: bytes) -> None:
            once(data)

        draw()
    log.save()


if __name__ == "__main__":
    assert ROOT.is_dir()
    main()
