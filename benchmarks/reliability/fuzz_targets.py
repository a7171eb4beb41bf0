"""What the fuzzers call: one function for each reader, from bytes that a stranger sent.

Each raises a LoopyNetError for what it refuses and returns nothing for what it takes. Whatever
else leaves it is a finding.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import shlex
import struct
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

Target = Callable[[bytes], None]

FRAME = (3, 8, 8)
_COMMANDS = ("check", "control", "describe", "draw", "import", "zoo")


def config(data: bytes) -> None:
    """A network file: text, spec, graph, costs and advice."""
    from loopynet.graph import advice, build_graph, check_memory
    from loopynet.spec import parse_spec

    spec = parse_spec(_text(data))
    graph = build_graph(spec)
    check_memory(graph, spec.training.least_images)
    advice(spec, graph)


def written(data: bytes) -> None:
    """A network file, and what is written of it: that reads back as the same."""
    from loopynet.spec import parse_spec, to_yaml

    spec = parse_spec(_text(data))
    written = to_yaml(spec, resolved=True)
    assert to_yaml(parse_spec(written), resolved=True) == written, "what is written reads otherwise"


def override(data: bytes) -> None:
    """Changes of a zoo entry's keys, one on a line."""
    from loopynet.graph import build_graph
    from loopynet.spec.read import override, validate

    source = override(_source(), _text(data).splitlines()[:20])
    with source.blame():
        build_graph(validate(source))


def literal(data: bytes) -> None:
    """A network file of the 2016 library: literal, import, and the spec that it became."""
    from loopynet.graph import build_graph
    from loopynet.legacy import import_legacy, to_yaml
    from loopynet.spec import parse_spec

    build_graph(parse_spec(to_yaml(import_legacy(_text(data), "old.txt"))))


def weights(data: bytes) -> None:
    """A safetensors file: as weights, and as the preprocessing of a run."""
    from loopynet.data import Preprocessing
    from loopynet.network.weights import load_weights, read_tensors

    file = _scratch() / "model.safetensors"
    file.write_bytes(_with_length(data))
    _any(
        lambda: Preprocessing.from_tensors(read_tensors(file), FRAME)(_pixels()),
        lambda: load_weights(_module(), file),
    )


def answers(data: bytes) -> None:
    """A safetensors file as the answers of a run."""
    from loopynet.network.weights import read_tensors
    from loopynet.run.answers import check_answers

    file = _scratch() / "answers.safetensors"
    file.write_bytes(_with_length(data))
    check_answers(read_tensors(file), str(file))


def image(data: bytes) -> None:
    """An image file, as an image and as a label map."""
    from loopynet.data.decode import decode_image, decode_map, frame_for

    frame = frame_for(FRAME, resize=True, any_color=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _any(
            lambda: decode_image(io.BytesIO(data), frame, "image"),
            lambda: decode_map(io.BytesIO(data), "map"),
        )


def idx(data: bytes) -> None:
    """The IDX files of MNIST; the first byte says whether they are compressed."""
    from loopynet.data.idx import open_idx

    folder = _scratch() / "idx"
    folder.mkdir(exist_ok=True)
    compressed, body = data[:1] < b"\x80", data[1:]
    suffix = ".gz" if compressed else ""
    for old in folder.iterdir():
        old.unlink()
    labels = struct.pack(">4BI", 0, 0, 8, 1, 2) + bytes(2)
    (folder / f"train-images-idx3-ubyte{suffix}").write_bytes(body)
    content = gzip.compress(labels, 1) if compressed else labels
    (folder / f"train-labels-idx1-ubyte{suffix}").write_bytes(content)
    open_idx(folder)


def run_files(data: bytes) -> None:
    """The JSON and CSV files of a run folder; the first byte says which."""
    from loopynet.report.epochs import read_epochs
    from loopynet.run import RunFolder

    folder = _scratch() / "run"
    folder.mkdir(exist_ok=True)
    run, kind, body = RunFolder(folder), data[:1] or b"\0", data[1:]
    name = ("results.json", "data.json", "environment.json", "metrics.csv")[kind[0] % 4]
    (folder / name).write_bytes(body)
    if name == "results.json":
        _tables(run.results())
    elif name == "data.json":
        run.class_names()
        run.provenance()
    elif name == "environment.json":
        run.environment()
    else:
        read_epochs(run)


def parquet(data: bytes) -> None:
    """A Parquet file as a data set, its images decoded."""
    from loopynet.data import load_data
    from loopynet.spec import DataSpec

    folder = _scratch() / "parquet"
    folder.mkdir(exist_ok=True)
    (folder / "train-0.parquet").write_bytes(data)
    load_data(DataSpec(name=str(folder), resize=True), FRAME, 10)


def report(data: bytes) -> None:
    """A whole run folder, as a JSON object of file name and text, to its report."""
    from loopynet.errors import RunError
    from loopynet.report import report_run
    from loopynet.run import RunFolder

    try:
        files = json.loads(data)
        items = [(str(name), str(text)) for name, text in files.items()]
    except (ValueError, AttributeError, RecursionError):
        raise RunError("no folder") from None
    with TemporaryDirectory(dir=_scratch()) as folder:
        for name, text in items:
            if name in _RUN_FILES:
                content = text.encode(errors="surrogatepass")
                if name.endswith(".safetensors"):
                    content = _with_length(text.encode("latin-1", "replace"))
                (Path(folder) / name).write_bytes(content)
        report_run(RunFolder(Path(folder)))


_RUN_FILES = (
    "config.yaml",
    "results.json",
    "data.json",
    "environment.json",
    "metrics.csv",
    "failure.txt",
    "answers.safetensors",
)


def command(data: bytes) -> None:
    """A command line: its words on the first line, the text of a file named `file` below.

    It is run in this process, in a folder of its own.
    """
    from loopynet.cli.main import main
    from loopynet.errors import LoopyNetError

    head, _, body = data.partition(b"\n")
    words = _words(_text(head))
    if not words or words[0] not in _COMMANDS:
        words.insert(0, _COMMANDS[len(head) % len(_COMMANDS)])
    with TemporaryDirectory(dir=_scratch()) as folder, _standing_in(folder) as said:
        Path("file").write_bytes(body)
        try:
            status = main(words)
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
        text = said.getvalue()
        assert status in (0, 1, 2), f"exit status {status}"
        assert "Traceback" not in text, "a traceback is shown"
        # argparse repeats the words of the command line, which are the user's own, as they are
        plain = status == 2 or all(
            unicodedata.category(c) not in ("Cc", "Cs") for c in text if c not in "\n\t"
        )
        assert plain, "control characters are printed"
    if status:
        raise LoopyNetError(text)


def _words(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    # Words are names of files, too, and no fuzzer shall write outside its folder.
    return [w.replace("/", "_").replace("\0", "_").replace("..", "_") for w in words]


@contextlib.contextmanager
def _standing_in(folder: str) -> Iterator[io.StringIO]:
    before, said = Path.cwd(), io.StringIO()
    show = warnings.showwarning
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield said
    finally:
        warnings.showwarning = show
        os.chdir(before)


def _tables(results: dict) -> None:
    from loopynet.report.tables import figures_table, maps_table, unrolls_table

    for table in (figures_table, maps_table, unrolls_table):
        table(results)


def _text(data: bytes) -> str:
    """Return the bytes as the text that a careless program would hand on: nothing is refused."""
    return data.decode("utf-8", "surrogateescape")


def _with_length(data: bytes) -> bytes:
    """Return a safetensors file of a header line and a body; one without a line is taken raw.

    A fuzzer seldom finds the eight bytes of a length that agrees with the header.
    """
    head, line, body = data.partition(b"\n")
    if not line:
        return data
    return struct.pack("<Q", len(head)) + head + body


def _any(*calls: Callable[[], object]) -> None:
    """Make all calls; raises the last of our errors if none is taken."""
    from loopynet.errors import LoopyNetError

    errors: list[Exception] = []
    for call in calls:
        try:
            call()
        except LoopyNetError as error:
            errors.append(error)
    if len(errors) == len(calls):
        raise errors[-1]


@cache
def _scratch() -> Path:
    """Return a folder of this process, in memory where there is such a place."""
    shared = Path("/dev/shm")
    folder = TemporaryDirectory(prefix="fuzz-", dir=shared if shared.is_dir() else None)
    _KEPT.append(folder)
    return Path(folder.name)


_KEPT: list[TemporaryDirectory[str]] = []


@cache
def _source():
    from loopynet.zoo import load_source

    return load_source("digits-loopy")


@cache
def _module():
    from torch import nn

    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


@cache
def _pixels():
    import torch

    return torch.zeros(2, *FRAME, dtype=torch.uint8)


TARGETS: dict[str, Target] = {
    f.__name__: f
    for f in (
        config, written, override, literal, weights, answers, image, idx, run_files, parquet,
        report, command,
    )
}  # fmt: skip

CHEAP = ("config", "override", "literal", "weights", "answers", "image", "idx", "run_files")
"""Targets that the coverage-guided fuzzer takes; the others are slow, and drawn by hypothesis."""

if __name__ == "__main__":
    for name in sys.argv[2:]:
        TARGETS[sys.argv[1]](Path(name).read_bytes())
