"""A run folder: everything that a training run leaves, and all that later steps read.

runs/NAME/config.yaml                the spec with every default written
         metrics.csv                 one row per epoch
         results.json                the accuracies of the kept weights, time, memory, how it ended
         answers.safetensors         the class answered for each test image at each unroll
         model.safetensors           the kept weights
         preprocessing.safetensors   mean and deviation of the training images
         data.json                   class names, and where the images came from
         environment.json            versions, commit, seed, device
         report.html                 all this for a reader
         checkpoints/                what `loopynet resume` continues from
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from loopynet.data import ImageData, Preprocessing, load_data
from loopynet.errors import RunError
from loopynet.foreign import read_json, refuse_links, write_whole
from loopynet.graph import build_graph
from loopynet.network import LoopyNet
from loopynet.network.weights import read_tensors
from loopynet.run.answers import check_answers
from loopynet.run.results import check_data, check_environment, check_results
from loopynet.spec import NetworkSpec, read_spec, to_yaml
from loopynet.zoo import pretrained_folder, pretrained_names

RUNS = Path("runs")
PREPROCESSING = "preprocessing.safetensors"


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    Attributes:
        path: the folder.
    """

    path: Path

    @classmethod
    def create(cls, name: str | None, spec: NetworkSpec) -> RunFolder:
        """Make the folder of a new run.

        Args:
            name: a path (it contains a separator), or a name under `runs/`; if None, the spec's
                name, with the first free number behind it.
            spec: the network.

        Raises:
            RunError: the folder holds a run already, or cannot be made.
        """
        path = _free_path(RUNS / spec.name) if name is None else run_path(name)
        if path.is_symlink() and path.parent == RUNS:
            raise RunError(f"{path}: is a link out of {RUNS}; name the folder itself with --run")
        if path.exists() and (not path.is_dir() or _is_used(path)):
            raise RunError(
                f"{path}: exists already; choose another --run, or continue it with "
                f"`loopynet resume {path}`"
            )
        try:
            (path / "checkpoints").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{path}: cannot be made ({error.strerror})") from None
        return cls(path)

    @classmethod
    def open(cls, name: str | Path) -> RunFolder:
        """Return a run's folder by its path, its name under `runs/`, or a trained zoo entry's name.

        Raises:
            RunError: there is none; the message lists those that are there. Or something in it is
                a link that leads out of it.
        """
        for path in (Path(name), run_path(str(name))):
            if (path / "config.yaml").is_file():
                refuse_links(path)
                return cls(path)
        if str(name) in pretrained_names():
            return cls(pretrained_folder(str(name)))
        runs = sorted(p.parent.name for p in RUNS.glob("*/config.yaml"))[:10]
        known = f"runs here: {', '.join(runs)}" if runs else "there are no runs here yet"
        trained = f"trained zoo entries: {', '.join(pretrained_names())}"
        raise RunError(f'"{name}" is no run folder (it has no config.yaml); {known}; {trained}')

    @property
    def outputs(self) -> Path:
        """Where to put what is made of the run: in its folder, or `runs/` for a zoo entry's.

        The folders of trained zoo entries belong to the installed package and stay as they are.
        """
        name = self.path.name
        packaged = name in pretrained_names() and self.path == pretrained_folder(name)
        return RUNS / name if packaged else self.path

    @property
    def metrics(self) -> Path:
        """One row per epoch."""
        return self.path / "metrics.csv"

    def write_text(self, name: str, text: str) -> None:
        """Write a text file whole or not at all."""
        write_whole(self.path / name, text)

    def write_json(self, name: str, data: object) -> None:
        """Write plain data as a JSON file."""
        self.write_text(name, json.dumps(data, indent=2, ensure_ascii=False) + "\n")

    def read_json(self, name: str) -> Any:
        """Return a JSON file's data; raises RunError if it is missing or damaged."""
        return read_json(self.path / name)

    def results(self) -> dict[str, Any]:
        """Return results.json; raises RunError if it is missing or not what training writes."""
        return check_results(self.read_json("results.json"), self.path / "results.json")

    def environment(self) -> dict[str, Any]:
        """Return environment.json; raises RunError if it is missing or damaged."""
        return check_environment(self.read_json("environment.json"), self.path / "environment.json")

    def provenance(self) -> dict[str, Any]:
        """Return where the images came from; raises RunError if data.json is damaged."""
        found = check_data(self.read_json("data.json"), self.path / "data.json")
        return dict(found.get("provenance", {}))

    def write_tensors(self, name: str, tensors: dict[str, Tensor]) -> None:
        """Write tensors as a safetensors file, whole or not at all."""
        plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        write_whole(self.path / name, save(plain))

    def read_tensors(self, name: str) -> dict[str, Tensor]:
        """Return a safetensors file's tensors; raises RunError if it is missing or damaged."""
        return read_tensors(self.path / name)

    def answers(self) -> dict[str, Tensor]:
        """Return "labels" [N], "predicted" [k, N] and "weights" [N] of the test images, integers.

        Raises:
            RunError: answers.safetensors is missing, damaged or holds something else.
        """
        name = "answers.safetensors"
        return check_answers(self.read_tensors(name), str(self.path / name))

    def write_spec(self, spec: NetworkSpec) -> None:
        """Write config.yaml with every default."""
        self.write_text("config.yaml", to_yaml(spec, resolved=True))

    def spec(self) -> NetworkSpec:
        """Return the spec of the run; raises SpecError if config.yaml is damaged."""
        return read_spec(self.path / "config.yaml")

    def network(self) -> LoopyNet:
        """Return the trained network, in evaluation mode.

        Raises:
            RunError: the weights are missing, damaged, or those of another network.
        """
        return LoopyNet.load(self.path)

    def preprocessing(self) -> Preprocessing:
        """Return what turns uint8 pixels into the network's inputs."""
        tensors = self.read_tensors(PREPROCESSING)
        return Preprocessing.from_tensors(tensors, self.spec().input.shape)

    def data(self) -> ImageData:
        """Return the images that the run's spec names, with the run's preprocessing.

        Raises:
            DataError: they are not there any more, or changed.
        """
        spec = self.spec()
        graph = build_graph(spec)
        return load_data(
            spec.data, graph.input_shape, *graph.output_shape, preprocessing=self.preprocessing()
        )

    def class_names(self) -> tuple[str, ...]:
        """Return the names of the classes, in the order of the logits."""
        data = check_data(self.read_json("data.json"), self.path / "data.json")
        names = data.get("class_names")
        if names is None:
            raise RunError(f"{self.path / 'data.json'}: has no list of class_names")
        return tuple(names)


def run_path(name: str) -> Path:
    """Return the folder that a run's name or path stands for."""
    return Path(name) if os.sep in name or name in (".", "..") else RUNS / name


def _is_used(path: Path) -> bool:
    """Say whether a folder has more than what a run leaves that was killed before it had a config.

    That is an empty folder for checkpoints, and a config that was not written to its end.
    """
    for entry in path.iterdir():
        begun = entry.name == "checkpoints" and entry.is_dir() and not any(entry.iterdir())
        if not begun and entry.name != ".config.yaml.partial":
            return True
    return False


def _free_path(path: Path) -> Path:
    number, candidate = 1, path
    while os.path.lexists(candidate):  # a link that leads nowhere is taken, too
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate
