"""Files of strangers: links, sizes, depths, lying headers, bombs; and where we write."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from loopynet import LoopyNet, load_spec, save_pretrained
from loopynet.cli.main import main
from loopynet.data import Preprocessing, load_data, read_image
from loopynet.data.decode import FORMATS, decode_map
from loopynet.data.idx import open_idx
from loopynet.errors import DataError, RunError, SpecError
from loopynet.foreign import LARGEST_TEXT, MOST_COLUMNS, MOST_ROWS, read_rows, refuse_links
from loopynet.network.weights import LARGEST_HEADER, load_weights, read_tensors
from loopynet.report import report_run
from loopynet.run import RunFolder
from loopynet.spec import DataSpec, read_spec
from loopynet.zoo import pretrained_folder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = tmp_path / "runs" / "sent"
    shutil.copytree(pretrained_folder("mnist-loopy"), folder)
    return RunFolder(folder)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret.txt"
    file.write_text("precious")
    return file


# Links


FILES = ["results.json", "metrics.csv", "report.html", ".report.html.partial", "failure.txt"]


@pytest.mark.parametrize("name", FILES)
def test_a_run_folder_with_a_link_that_leads_out_is_refused(
    run: RunFolder, secret: Path, name: str
) -> None:
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(secret)
    for read in (RunFolder.open, LoopyNet.load, save_here(run)):
        with pytest.raises(RunError, match="a link that leads out of the run folder"):
            read(run.path)
    assert secret.read_text() == "precious"


def save_here(run: RunFolder):
    return lambda path: save_pretrained(str(path), run.path.parent / "upload")


def test_a_folder_in_a_run_folder_that_leads_out_is_refused(run: RunFolder, tmp_path: Path) -> None:
    (run.path / "deep").mkdir()
    (run.path / "deep" / "explain").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(RunError, match="deep/explain: is a link that leads out"):
        RunFolder.open(run.path)


def test_links_that_stay_inside_are_taken(run: RunFolder) -> None:
    (run.path / "last.csv").symlink_to("metrics.csv")
    assert RunFolder.open(run.path).results()["epochs"] > 0


def test_a_loop_of_links_is_no_file(run: RunFolder) -> None:
    (run.path / "results.json").unlink()
    (run.path / "results.json").symlink_to("other.json")
    (run.path / "other.json").symlink_to("results.json")
    with pytest.raises(RunError, match=r"results\.json: cannot be read"):
        RunFolder.open(run.path).results()


def test_the_cache_of_the_hub_is_taken_and_no_other_links(run: RunFolder, secret: Path) -> None:
    cache = run.path.parent / "models--user--name"
    (cache / "blobs").mkdir(parents=True)
    snapshot = cache / "snapshots" / "c0ffee"
    snapshot.mkdir(parents=True)
    for file in pretrained_folder("mnist-loopy").iterdir():
        shutil.copyfile(file, cache / "blobs" / file.name)
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    assert LoopyNet.load(snapshot).graph.steps
    (snapshot / "extra.json").symlink_to(secret)
    with pytest.raises(RunError, match="a link that leads out"):
        LoopyNet.load(snapshot)


def test_deep_folders_are_refused(run: RunFolder) -> None:
    path = run.path
    for _ in range(40):
        path = path / "d"
    path.mkdir(parents=True)
    with pytest.raises(RunError, match="levels deep"):
        refuse_links(run.path)


def test_what_is_written_replaces_a_link_and_does_not_follow_it(
    run: RunFolder, secret: Path
) -> None:
    for name in ("report.html", ".report.html.partial"):
        (run.path / name).unlink(missing_ok=True)
        (run.path / name).symlink_to(secret)
    run.write_text("report.html", "ours")
    assert secret.read_text() == "precious"
    assert (run.path / "report.html").read_text() == "ours"
    assert not (run.path / "report.html").is_symlink()


def test_commands_do_not_write_through_links(tmp_path, secret, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    nowhere = tmp_path / "new-secret.txt"
    Path("net.svg").symlink_to(secret)
    Path("new.yaml").symlink_to(nowhere)
    assert main(["draw", "digits-loopy", "-o", "net.svg"]) == 0
    assert main(["control", "digits-loopy", "--no-loops", "-o", "new.yaml"]) == 1
    assert secret.read_text() == "precious"
    assert not nowhere.exists()


def test_a_run_is_not_made_through_a_link(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    Path("runs").mkdir()
    Path("runs/digits-loopy").symlink_to(tmp_path / "nowhere")
    Path("runs/mine").symlink_to(tmp_path / "elsewhere")
    spec = load_spec("digits-loopy")
    assert RunFolder.create(None, spec).path == Path("runs/digits-loopy-2")
    with pytest.raises(RunError, match="is a link"):
        RunFolder.create("mine", spec)
    assert not any((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("name", ["../x", "a/b", "/x", "..", ".hidden", "a\0b", "", "a\nb", "-x"])
def test_names_of_networks_are_no_paths(name: str) -> None:
    with pytest.raises(SpecError):
        load_spec("digits-loopy", (f"name={json.dumps(name)}",))


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "a.b", "a\\b", "a" * 65])
def test_names_of_layers_are_no_paths(tmp_path: Path, name: str) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(
        f"input: {{shape: [4]}}\nlayers: {{{json.dumps(name)}: {{type: dense, units: 2}}}}\n"
        f"main: [{json.dumps(name)}]\n"
    )
    with pytest.raises(SpecError, match=r"no valid name|at most 64|a key must be"):
        read_spec(file)


# Sizes, depths and shapes of a run's files


BIG = "x" * (LARGEST_TEXT + 1)
DAMAGED = [
    ("results.json", '{"a": ' * 100_000),
    ("results.json", "[" * 30 + "]" * 30),
    ("results.json", BIG),
    ("results.json", "[]"),
    ("results.json", '{"interrupted": false, "epochs": 1, "kept": "x"}'),
    ("results.json", '{"interrupted": 1, "epochs": 1, "kept": "x"}'),
    ("results.json", '{"interrupted": true, "epochs": -1, "kept": "x"}'),
    ("results.json", '{"interrupted": true, "epochs": 1' + "0" * 5000 + ', "kept": "x"}'),
    ("results.json", '{"interrupted": true, "epochs": 1, "kept": ["x"]}'),
    ("results.json", '{"interrupted": true, "epochs": 1, "kept": "\\ud800"}'),
    ("data.json", '{"provenance": [1]}'),
    ("data.json", '{"class_names": [1, 2]}'),
    ("data.json", '{"class_names": "abc"}'),
    ("environment.json", '{"command": "rm -rf /"}'),
    ("environment.json", '{"command": []}'),
    ("metrics.csv", "epoch,seconds\n1,2,3,4\n"),
    ("metrics.csv", "epoch,seconds\nnan,1\n"),
    ("metrics.csv", "epoch,seconds\n1e300,1\n"),
    ("metrics.csv", "epoch\n" + '"' + "x" * 200_000 + '"\n'),
    ("metrics.csv", BIG),
    ("metrics.csv", "seconds\n1\n"),
    ("failure.txt", BIG),
]


@pytest.mark.parametrize(("name", "text"), DAMAGED)
def test_damaged_files_of_a_run_are_refused(run: RunFolder, name: str, text: str) -> None:
    (run.path / name).write_text(text)
    if name == "failure.txt":
        (run.path / "results.json").unlink()
    with pytest.raises(RunError, match=name):
        report_run(run)


def test_a_pipe_in_a_run_folder_is_not_waited_for(run: RunFolder) -> None:
    for name in ("results.json", "model.safetensors"):
        (run.path / name).unlink()
        os.mkfifo(run.path / name)
    with pytest.raises(RunError, match="no plain file"):
        run.results()
    with pytest.raises(RunError, match="no plain file"):
        run.read_tensors("model.safetensors")


def test_tables_have_limits(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    file.write_text(",".join(f"c{i}" for i in range(MOST_COLUMNS + 1)) + "\n1\n")
    with pytest.raises(RunError, match="columns"):
        read_rows(file)
    file.write_text("a\n" + "1\n" * (MOST_ROWS + 1))
    with pytest.raises(RunError, match="rows"):
        read_rows(file)


WRONG_ANSWERS = [
    {"labels": torch.zeros(3)},
    {"predicted": torch.zeros(3, dtype=torch.int64)},
    {"predicted": torch.zeros(2, 4, dtype=torch.int64)},
    {"predicted": torch.full((2, 3), 10**9)},
    {"labels": torch.full((3,), -1)},
    {"weights": torch.zeros(2, dtype=torch.int64)},
    {"labels": torch.zeros(0, dtype=torch.int64)},
]


@pytest.mark.parametrize("change", WRONG_ANSWERS)
def test_answers_are_checked(run: RunFolder, change: dict[str, torch.Tensor]) -> None:
    whole = {n: torch.zeros(s, dtype=torch.int64) for n, s in
             (("labels", 3), ("predicted", (2, 3)), ("weights", 3))}  # fmt: skip
    save_file({**whole, **change}, run.path / "answers.safetensors")
    with pytest.raises(RunError, match=r"answers\.safetensors"):
        run.answers()


# Weights


def header(text: str, body: bytes = b"", length: int | None = None) -> bytes:
    head = text.encode()
    return struct.pack("<Q", len(head) if length is None else length) + head + body


LYING = {
    "empty": b"",
    "short": b"\x01\x02",
    "a length of 2^63": header("{}", length=2**63),
    "a length beyond the file": header("{}", length=1000),
    "a length beyond the limit": header("{}", length=LARGEST_HEADER + 1),
    "no JSON": header("{]"),
    "deep JSON": header('{"a":' * 5000),
    "an unknown type": header('{"a":{"dtype":"X9","shape":[1],"data_offsets":[0,1]}}', b"\0"),
    "offsets beyond the file": header(
        '{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}', b"\0"),
    "offsets that overlap": header(
        '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},'
        '"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}', bytes(3)),
    "a shape that overflows": header(
        '{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}', bytes(4)),
    "a shape of another size": header(
        '{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4]}}', bytes(4)),
    "a negative shape": header('{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}', b"\0"),
    "a pickle": b"\x80\x04\x95" + bytes(40),
    "a zip": b"PK\x03\x04" + bytes(40),
}  # fmt: skip


@pytest.mark.parametrize("content", LYING.values(), ids=LYING)
def test_lying_headers_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    for read in (read_tensors, lambda path: load_weights(torch.nn.Linear(1, 1), path)):
        with pytest.raises(RunError, match="cannot be read"):
            read(file)


def test_weights_of_another_kind_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    whole = {"weight": torch.zeros(1, 1), "bias": torch.zeros(1)}
    for bias in (torch.zeros(1, dtype=torch.complex64), torch.zeros(1, dtype=torch.int64)):
        save_file({**whole, "bias": bias}, file)
        with pytest.raises(RunError, match=r'"bias" is torch\.'):
            load_weights(torch.nn.Linear(1, 1), file)


def test_weights_that_are_not_asked_for_are_not_read(tmp_path: Path) -> None:
    """A file that promises 16 GB of other weights is refused by its header."""
    file = tmp_path / "w.safetensors"
    size = 2**34
    text = json.dumps({"x": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}})
    with file.open("wb") as stream:
        stream.write(header(text))
        stream.truncate(8 + len(text) + size)
    with pytest.raises(RunError, match="is missing"):
        load_weights(torch.nn.Linear(1, 1), file)


BROKEN_STATISTICS = [
    {"std": torch.zeros(1, 1, 1, 1)},
    {"mean": torch.full((1, 1, 1, 1), torch.nan)},
    {"mean": torch.zeros(2, 1, 1, 1)},
    {"mean": torch.zeros(1, 1, 999, 1)},
    {"scale": torch.zeros(3)},
    {"std": torch.ones(1, 1, 1, 1, dtype=torch.int64)},
]


@pytest.mark.parametrize("change", BROKEN_STATISTICS)
def test_preprocessing_is_checked(change: dict[str, torch.Tensor]) -> None:
    whole = {"scale": torch.tensor(1.0), "mean": torch.zeros(1, 1, 1, 1),
             "std": torch.ones(1, 1, 1, 1)}  # fmt: skip
    assert Preprocessing.from_tensors(whole, (1, 28, 28))
    with pytest.raises(DataError, match="the stored preprocessing"):
        Preprocessing.from_tensors({**whole, **change}, (1, 28, 28))


# Images


def png(width: int, height: int, data: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        code = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + code

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def saved(kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (9, 7), "red").save(stream, kind, **options)
    return stream.getvalue()


BOMBS = {
    "10^9 x 10^9": png(10**9, 10**9),
    "2^31 - 1 high": png(1, 2**31 - 1),
    "100 million pixels": png(10_000, 10_000, bytes(10_000 * 100)),
    "no pixels": png(0, 0),
    "no data": png(9, 7),
    "half a PNG": saved("PNG")[:45],
    "half a JPEG": saved("JPEG")[:200],
    "text": b"GIF89a but not really",
    "EPS, which runs a program": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "a pickle": b"\x80\x04\x95",
    "PSD": b"8BPS\x00\x01" + bytes(40),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_bombs_and_damaged_images_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "image.png"
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be decoded|pixels"):
        read_image(file, (3, 8, 8))
    with pytest.raises(DataError, match=r"cannot be decoded|pixels"):
        decode_map(io.BytesIO(content), "a map")


@pytest.mark.parametrize("kind", FORMATS)
def test_the_listed_formats_are_read(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "image"
    file.write_bytes(saved(kind))
    assert read_image(file, (3, 8, 8)).shape == (3, 8, 8)


def test_a_bmp_of_run_lengths_is_refused() -> None:
    """Pillow decodes those in Python: a few bytes that say how large they are take minutes."""
    head = struct.pack("<IiiHHIIiiII", 40, 4_000_000, 7, 1, 8, 1, 0, 0, 0, 2, 0)
    content = b"BM" + struct.pack("<IHHI", 200, 0, 0, 62) + head + bytes(8) + b"\xff\x00\x00\x01"
    with pytest.raises(DataError, match="run lengths"):
        decode_map(io.BytesIO(content), "a map")


def test_hostile_exif_is_no_matter(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x8769] = 77, "<script>" * 5000, {0x927C: bytes(9000)}
    head = bytearray(saved("JPEG", exif=exif))
    at = head.index(b"Exif") + 14
    head[at : at + 200] = bytes([255]) * 200  # counts and offsets that lead anywhere
    file = tmp_path / "image.jpg"
    file.write_bytes(bytes(head))
    assert read_image(file, (3, 8, 8)).shape == (3, 8, 8)


# Data sets


def idx_folder(folder: Path, images: bytes) -> Path:
    (folder / "train-images-idx3-ubyte.gz").write_bytes(images)
    labels = struct.pack(">4BI", 0, 0, 8, 1, 1) + bytes(1)
    (folder / "train-labels-idx1-ubyte").write_bytes(labels)
    return folder


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = struct.pack(">4B3I", 0, 0, 8, 3, 1, 2, 2) + bytes(4)
    bomb = gzip.compress(body + bytes(200_000_000), 1)
    read: list[int] = []
    original = gzip.GzipFile.read

    def counted(self: gzip.GzipFile, size: int | None = -1) -> bytes:
        found = original(self, size)
        read.append(len(found))
        return found

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    with pytest.raises(DataError, match="damaged"):
        open_idx(idx_folder(tmp_path, bomb))
    assert sum(read) < 100


@pytest.mark.parametrize("sizes", [(2**32 - 1,) * 3, (1, 0, 2**32 - 1), (2**31, 2, 1)])
def test_sizes_that_lie_are_refused(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    body = struct.pack(">4B3I", 0, 0, 8, 3, *sizes) + bytes(4)
    with pytest.raises(DataError, match=r"damaged"):
        open_idx(idx_folder(tmp_path, gzip.compress(body)))


@pytest.fixture
def private(tmp_path: Path) -> Path:
    file = tmp_path / "private.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(file)
    return file


def write_table(folder: Path, path: str) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = pa.array([{"bytes": None, "path": path}] * 12, kind)
    folder.mkdir()
    labels = pa.array([0, 1] * 6)
    parquet.write_table(pa.table({"image": images, "label": labels}), folder / "train.parquet")
    return folder


@pytest.mark.parametrize("relative", [False, True])
def test_a_table_cannot_name_a_file_of_this_machine(
    tmp_path: Path, private: Path, relative: bool
) -> None:
    name = str(Path("..") / private.name) if relative else str(private)
    folder = write_table(tmp_path / "sent", name)
    with pytest.raises(DataError, match="outside of"):
        load_data(DataSpec(name=str(folder)), (1, 8, 8), 2)


def test_an_image_folder_cannot_lead_out(tmp_path: Path, private: Path) -> None:
    folder = tmp_path / "sent"
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        for i in range(6):
            shutil.copyfile(private, folder / label / f"{i}.png")
    assert len(load_data(DataSpec(name=str(folder)), (1, 8, 8), 2).train)
    (folder / "a" / "0.png").unlink()
    (folder / "a" / "0.png").symlink_to(private)
    with pytest.raises(DataError, match=r"a/0\.png leads to a file outside"):
        load_data(DataSpec(name=str(folder)), (1, 8, 8), 2)


def test_datasets_runs_no_code_of_a_data_set() -> None:
    """From version 4 on, `datasets` has no loading scripts; older ones asked, and ran them."""
    import tomllib

    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    wanted = tomllib.loads(text)["project"]["dependencies"]
    assert any(line.startswith("datasets>=4") for line in wanted)


# The terminal


def test_control_characters_do_not_reach_the_terminal(tmp_path, capsys) -> None:
    file = tmp_path / "net.yaml"
    file.write_text('input: {shape: [4]}\nlayers: {a: {type: "\\e[2J\\u202e"}}\nmain: [a]\n')
    assert main(["check", str(file)]) == 1
    said = capsys.readouterr().err
    assert r"\x1b[2J\u202e" in said
    assert "\x1b" not in said


def test_class_names_are_shown_without_control_characters(run: RunFolder, private, capsys) -> None:
    data = json.loads((run.path / "data.json").read_text())
    names = [f"\x1b]0;owned\x07 [/bold] {n}" for n in data["class_names"]]
    (run.path / "data.json").write_text(json.dumps({**data, "class_names": names}))
    assert main(["predict", str(run.path), str(private)]) == 0
    said = capsys.readouterr().out
    assert r"\x1b]0;owned\x07 [/bold]" in said
    assert "\x1b" not in said


def test_keys_of_the_command_line_are_words(capsys) -> None:
    word = os.fsdecode(b"loops\xff\xff.feedback=1")
    assert main(["check", "digits-loopy", "--set", word]) == 1
    deep = ".".join("a" * 400) + "=1"
    assert main(["check", "digits-loopy", "--set", deep]) == 1
    assert "a key must be words" in capsys.readouterr().err
