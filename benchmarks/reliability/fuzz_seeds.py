"""What the fuzzers start from: the zoo, the pages of docs, and small files of each format."""

from __future__ import annotations

import gzip
import io
import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ZOO = ROOT / "src/loopynet/zoo"
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)

_CHANGES = (
    "training.epochs=5", "unroll.steps=3", "layers.conv_1.filters=8", "training.optimizer=adam",
    "training.optimizer.momentum=0.9", "loops.feedback.merge=mul", "main=[conv_1, fc_1]",
    "data.split.train=100", "norm=batch", "loss.steps=[0, 1]", "unroll.until=converged",
)  # fmt: skip

_COMMANDS = (
    "check digits-loopy", "check file", "describe file",
    "describe cifar10-loopy --set unroll.steps=2",
    "draw file -o out.mmd", "draw file -o out.svg --unrolled", "control file --no-loops", "zoo",
    "control file --same-parameters -o out.yaml", "import file --unrolls 4",
    "import file -o new.yaml",
    "zoo rnn", "check file --set training.epochs=5 layers.conv_1.filters=8",
)  # fmt: skip


def seeds(target: str) -> list[bytes]:
    """Return the inputs that a target's corpus begins with."""
    return list(_SEEDS[target]())


def words(target: str) -> list[str]:
    """Return words of the target's language, for the fuzzer to put in."""
    if target in ("config", "override"):
        text = "\n".join(f.read_text(encoding="utf-8") for f in sorted(_ZOO.glob("*.yaml")))
        marks = ["{", "}", "[", "]", ": ", "&a ", "*a", "<<: ", "!!", "|\n", ">-\n", "---\n", "1e9"]
        marks += ['"\\x00"', '"\\ud800"', "2147483648", "-1", ".inf", ".nan", "0x10", "=", "null"]
        return sorted({*re.findall(r"[a-z_]{3,}", text), *marks})
    if target == "literal":
        text = "\n".join(seed.decode() for seed in _literals())
        marks = ["'''", '"', "{", "}", "(", ")", "**", "lambda:", "\\N{DIGIT ONE}", "1e400", "..."]
        return sorted({*re.findall(r"\w{3,}", text), *marks, "b'x'", "1j", "0x", "_", "\\ud800"})
    if target in ("weights", "answers"):
        return [
            '"dtype":"', '"F32"', '"F64"', '"U8"', '"I64"', '"BOOL"', '"BF16"', '"F8_E4M3"',
            '"C64"',
            '"shape":[', '"data_offsets":[', '"__metadata__":{', "scale", "mean", "std", "labels",
            "predicted", "weights", "0.weight", "0.bias", "1.num_batches_tracked", "4294967296",
        ]  # fmt: skip
    if target == "run_files":
        text = "".join(f.read_text() for f in (_ZOO / "pretrained/mnist-loopy").glob("*.json"))
        marks = ["NaN", "Infinity", "1e999", "[[[[", '{"":', "null", "true", "\\ud800", "\x00"]
        return sorted({*re.findall(r'"\w+"', text), *marks})
    return []


def _configs() -> Iterator[bytes]:
    """Small networks: a fuzzer gets further with many short inputs than with few long ones."""
    for file in sorted(_ZOO.glob("*.yaml")):
        lines = [line for line in file.read_bytes().splitlines() if not line.startswith(b"#")]
        if sum(map(len, lines)) < 900:
            yield b"\n".join(lines)
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for kind, text in _FENCED.findall(page.read_text(encoding="utf-8")):
            if kind == "yaml":
                yield text.encode()


def _literals() -> Iterator[bytes]:
    page = (ROOT / "docs/old-format.md").read_text(encoding="utf-8")
    yield from (t.encode() for kind, t in _FENCED.findall(page) if kind == "python" and "{" in t)
    layers = {
        "input": {"output_dim": (3, 8, 8)},
        "conv_1": {"type": "conv2d", "num_filters": 4, "filter_size": 3, "pad": "same"},
        "pool_1": {"type": "pool2d", "pool_size": 2, "stride": 2, "mode": "max"},
        "drop": {"type": "dropout", "p": 0.5},
        "fc_1": {"type": "dense", "output_dim": 10, "nonlinearity": "softmax"},
        "conv_b": {"type": "conv2d", "num_filters": 4, "filter_size": 1},
    }
    main = {"type": "main", "structure": ["input", "conv_1", "pool_1", "drop", "fc_1"]}
    loop = {"type": "loop", "structure": ["drop", "conv_b", "pool_1"], "composition_mode": "sum"}
    yield repr({"layers": layers, "stacks": {"main": main, "loop": loop}}).encode()
    stacks = {"m": main}
    yield repr({"framework": "keras", "name": "x", "layers": layers, "stacks": stacks}).encode()


def _safetensors() -> Iterator[bytes]:
    mean, std = ("F32", [1, 3, 1, 1]), ("F32", [1, 1, 1, 1])
    yield _packed({"scale": ("F64", []), "mean": mean, "std": std})
    yield _packed(
        {"0.weight": ("F32", [3, 2]), "0.bias": ("F32", [3]), "1.weight": ("F32", [3]),
         "1.bias": ("F32", [3]), "1.running_mean": ("F32", [3]), "1.running_var": ("F32", [3]),
         "1.num_batches_tracked": ("I64", [])}
    )  # fmt: skip
    yield _packed({"a": ("BF16", [2]), "b": ("BOOL", [3]), "c": ("U16", [1])}, {"format": "pt"})


def _answers() -> Iterator[bytes]:
    yield _packed({"labels": ("U8", [4]), "predicted": ("U8", [2, 4]), "weights": ("I32", [4])})
    yield from _safetensors()


_BYTES = {"F64": 8, "F32": 4, "I64": 8, "I32": 4, "BF16": 2, "U16": 2, "BOOL": 1, "U8": 1}


def _packed(
    tensors: dict[str, tuple[str, list[int]]], about: dict[str, str] | None = None
) -> bytes:
    """Return a safetensors file of zeros, with a line's end for the length of its header."""
    head: dict[str, object] = {} if about is None else {"__metadata__": about}
    end = 0
    for name, (kind, shape) in tensors.items():
        length = _BYTES[kind]
        for size in shape:
            length *= size
        head[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + length]}
        end += length
    text = json.dumps(head).encode()
    return text + b"\n" + bytes(end)


def _images() -> Iterator[bytes]:
    from PIL import Image

    picture = Image.radial_gradient("L").resize((9, 7))
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation
    exif[0x010E] = "a description"
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        for mode in ("L", "RGB"):
            stream = io.BytesIO()
            options = {"exif": exif} if kind in ("PNG", "JPEG", "WEBP", "TIFF") else {}
            picture.convert(mode).save(stream, kind, **options)
            yield stream.getvalue()
    for mode in ("P", "1", "LA", "I;16"):
        stream = io.BytesIO()
        wide = mode == "I;16"
        (Image.new(mode, (9, 7), 40_000) if wide else picture.convert(mode)).save(stream, "PNG")
        yield stream.getvalue()


def _idx() -> Iterator[bytes]:
    body = struct.pack(">4B3I", 0, 0, 8, 3, 2, 4, 4) + bytes(32)
    yield b"\xff" + body
    yield b"\x00" + gzip.compress(body, 1)


def _run_files() -> Iterator[bytes]:
    for folder in sorted((_ZOO / "pretrained").iterdir()):
        names = ("results.json", "data.json", "environment.json", "metrics.csv")
        for kind, name in enumerate(names):
            yield bytes([kind]) + (folder / name).read_bytes()


def _reports() -> Iterator[bytes]:
    folder = _ZOO / "pretrained/mnist-loopy"
    names = ("config.yaml", "results.json", "data.json", "environment.json", "metrics.csv")
    files = {name: (folder / name).read_text(encoding="utf-8") for name in names}
    files["answers.safetensors"] = next(_answers()).decode("latin-1")
    yield json.dumps(files).encode()


def _parquet() -> Iterator[bytes]:
    import pyarrow as pa
    from pyarrow import parquet

    cells = [{"bytes": data, "path": None} for data in list(_images())[:4]]
    for labels in (pa.array([0, 1, 2, 3]), pa.array(["a", "b", "a", None])):
        stream = io.BytesIO()
        parquet.write_table(pa.table({"image": cells, "label": labels}), stream)
        yield stream.getvalue()


_SEEDS = {
    "config": _configs,
    "written": _configs,
    "override": lambda: (change.encode() for change in (*_CHANGES, "\n".join(_CHANGES[:3]))),
    "literal": _literals,
    "weights": _safetensors,
    "answers": _answers,
    "image": _images,
    "idx": _idx,
    "run_files": _run_files,
    "report": _reports,
    "parquet": _parquet,
    "command": lambda: (
        f"{line}\n".encode() + text
        for line in _COMMANDS
        for text in (*list(_configs())[:2], *list(_literals())[:1])
    ),
}
