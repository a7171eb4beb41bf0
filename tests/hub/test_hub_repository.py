"""Saved, loaded and uploaded as the hub's conventions are; the hub itself is stood in for."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from torch import nn

from loopynet import LoopyNet, LoopyNetError, RunError, from_pretrained, push_to_hub, to_yaml
from loopynet import save_pretrained as save
from loopynet.hub import repository
from loopynet.run import RunFolder
from loopynet.zoo import pretrained_folder


def test_a_run_comes_back(tmp_path: Path) -> None:
    assert save("mnist-loopy", tmp_path / "new" / "net") == tmp_path / "new" / "net"
    folder = tmp_path / "new" / "net"
    net, x = from_pretrained(folder), torch.rand(2, 1, 28, 28)
    assert not net.training
    assert torch.equal(net(x), LoopyNet.pretrained("mnist-loopy")(x))
    run, own = RunFolder.open(folder), RunFolder.open("mnist-loopy")
    assert run.class_names() == own.class_names()
    assert torch.equal(run.preprocessing().mean, own.preprocessing().mean)
    assert not (folder / "environment.json").exists()
    assert "LOOPYNET_DATA" not in (folder / "data.json").read_text()
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "loopynet"
    assert config["spec"]["loops"]["feedback"]["from"] == "conv_3"


def test_a_network_comes_back(tmp_path: Path) -> None:
    net = LoopyNet.from_yaml("digits-loopy").train()
    net(torch.rand(4, 1, 8, 8))  # moves the running statistics
    (tmp_path / "README.md").write_text("mine")
    save(net, tmp_path, card=False)
    assert (tmp_path / "README.md").read_text() == "mine"
    found = from_pretrained(str(tmp_path))
    assert to_yaml(found.spec, resolved=True) == to_yaml(net.spec, resolved=True)
    for (name, a), b in zip(found.state_dict().items(), net.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert net.training


class Hub:
    """Stands in for HfApi: keeps what it was asked for, and the uploaded files."""

    asked: list[tuple[str, Any]]
    files: dict[str, bytes]

    def __init__(self, **options: Any) -> None:
        Hub.asked = [("api", options)]

    def create_repo(self, repo_id: str, **options: Any) -> SimpleNamespace:
        Hub.asked.append((repo_id, options))
        return SimpleNamespace(repo_id=f"me/{repo_id}")

    def upload_folder(self, *, folder_path: str, **options: Any) -> SimpleNamespace:
        Hub.asked.append(("upload", options))
        Hub.files = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}
        return SimpleNamespace(commit_url="https://huggingface.co/me/mnist/commit/1")


def test_an_upload_and_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "HfApi", Hub)
    url = push_to_hub("mnist-loopy", "mnist", private=True, token="secret", create_pr=True)
    assert url.endswith("/commit/1")
    (_, api), (name, made), (_, upload) = Hub.asked
    assert (name, made) == ("mnist", {"private": True, "exist_ok": True})
    assert api["token"] == "secret"
    assert upload["repo_id"] == "me/mnist"
    assert upload["create_pr"]
    weights = (pretrained_folder("mnist-loopy") / "model.safetensors").stat().st_size
    assert len(Hub.files["model.safetensors"]) >= weights - 200
    assert b'from_pretrained("mnist")' in Hub.files["README.md"]

    def download(name: str, **options: Any) -> str:
        assert (name, options["revision"]) == ("me/mnist", "v1")
        for file, content in Hub.files.items():
            if any(Path(file).match(pattern) for pattern in options["allow_patterns"]):
                (tmp_path / file).write_bytes(content)
        return str(tmp_path)

    monkeypatch.setattr(repository, "snapshot_download", download)
    net, x = from_pretrained("me/mnist", revision="v1"), torch.rand(2, 1, 28, 28)
    assert torch.equal(net(x), LoopyNet.pretrained("mnist-loopy")(x))


def test_what_goes_wrong_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError, match="is no run folder"):
        save("no-such-run", tmp_path)
    with pytest.raises(LoopyNetError, match="not Linear; the weights of a model with added loops"):
        save(nn.Linear(2, 2), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(RunError, match='"a/b/c" is no folder, and cannot be fetched'):
        from_pretrained("a/b/c")
    with pytest.raises(RunError, match='"me/none" is no folder, and cannot be fetched'):
        from_pretrained("me/none", local_files_only=True, cache_dir=tmp_path)

    class Offline(Hub):
        def create_repo(self, repo_id: str, **options: Any) -> SimpleNamespace:
            raise LocalEntryNotFoundError("no network\nand more")

    monkeypatch.setattr(repository, "HfApi", Offline)
    with pytest.raises(RunError, match=r'cannot upload to "me/net" \(no network\); `hf auth login'):
        push_to_hub("mnist-loopy", "me/net")
    monkeypatch.setattr(repository, "snapshot_download", lambda *_, **__: str(tmp_path))
    with pytest.raises(RunError, match=r"has no config\.yaml: it is no network of loopynet"):
        from_pretrained("me/other")
