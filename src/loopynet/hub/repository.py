"""Saving, loading and uploading a network in the conventions of the Hugging Face hub.

FOLDER/config.yaml                  the spec
       config.json                  the same for the hub, which counts downloads by it
       model.safetensors            the weights
       README.md                    the model card
       preprocessing.safetensors    and the other files of a run, if it is one
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors.torch import save_file

from loopynet import __version__
from loopynet.errors import LoopyNetError, RunError
from loopynet.foreign import write_whole
from loopynet.hub.card import model_card
from loopynet.network import LoopyNet
from loopynet.run import RunFolder
from loopynet.spec import to_yaml

Source = LoopyNet | RunFolder | str | Path

OF_A_RUN = ("preprocessing.safetensors", "answers.safetensors", "metrics.csv", "results.json")
"""Files that are copied as they are; environment.json, which names paths, is not."""

NEEDED = ("config.yaml", "model.safetensors", "data.json", *OF_A_RUN)
"""Files that are fetched from the hub: by name, so that nothing else of a repository comes."""


def save_pretrained(
    source: Source, folder: str | Path, *, card: bool = True, repo_id: str = "USER/NAME"
) -> Path:
    """Write a network into a folder that the hub takes, and that `from_pretrained` reads.

    The folder of a run is a run folder still: `loopynet evaluate FOLDER` and the like read it.

    Args:
        source: a LoopyNet; or a run: its folder, its name under runs/, or a trained zoo entry's.
        folder: where to; it is made if it is not there, and its files are replaced.
        card: whether README.md is written; one that is there is replaced.
        repo_id: the repository that the card's example names.

    Returns:
        The folder.

    Raises:
        RunError: there is no such run, or its files are damaged.
    """
    run = None if isinstance(source, LoopyNet) else _run(source)
    net = source if isinstance(source, LoopyNet) else _run(source).network()
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    (target / "model.safetensors").unlink(missing_ok=True)  # it may be a link
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    write_whole(target / "config.yaml", to_yaml(net.spec, resolved=True))
    plain = {
        "model_type": "loopynet",
        "loopynet_version": __version__,
        "spec": net.spec.model_dump(mode="json", by_alias=True),
    }
    write_whole(target / "config.json", json.dumps(plain, indent=2) + "\n")
    if run is not None and run.path.resolve() != target.resolve():
        _copy_run(run, target)
    if card:
        text = str(model_card(net, run, repo_id))
        write_whole(target / "README.md", text)
    return target


def from_pretrained(
    name: str | Path,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> LoopyNet:
    """Return a network from a folder, or from a repository of the Hugging Face hub.

    No code of the repository is run: its spec is data, its weights are safetensors.

    Args:
        name: a folder that exists, or "user/name".
        revision: branch, tag or commit of the repository; main if None.
        token: of the hub; the stored one if None.
        cache_dir: where downloads are kept; the hub's own folder if None.
        local_files_only: use what was downloaded before.

    Returns:
        The network in evaluation mode.

    Raises:
        RunError: there is no such folder or repository, it cannot be reached, or its weights are
            damaged.
        SpecError: its config.yaml is missing or damaged.
    """
    path = Path(name)
    if path.is_dir():
        return LoopyNet.load(path)
    try:
        found = snapshot_download(
            str(name),
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            allow_patterns=[*NEEDED],
            library_name="loopynet",
            library_version=__version__,
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise RunError(
            f'"{name}" is no folder, and cannot be fetched from the Hugging Face hub '
            f"({_reason(error)})"
        ) from None
    if not (Path(found) / "config.yaml").is_file():
        raise RunError(f'"{name}" has no config.yaml: it is no network of loopynet')
    return LoopyNet.load(found)


def push_to_hub(
    source: Source,
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    commit_message: str = "Upload a network of loopynet",
    create_pr: bool = False,
) -> str:
    """Upload a network to the Hugging Face hub; the repository is made if it is not there.

    Args:
        source: as for `save_pretrained`, which says what is uploaded.
        repo_id: "user/name".
        private: whether a new repository is private; the account's default if None.
        token: of the hub; the stored one if None.
        revision: the branch; main if None.
        commit_message: of the upload.
        create_pr: upload as a pull request.

    Returns:
        The address of the commit.

    Raises:
        RunError: there is no such run, or the hub refuses or cannot be reached.
    """
    api = HfApi(token=token, library_name="loopynet", library_version=__version__)
    with TemporaryDirectory() as folder:
        save_pretrained(source, folder, repo_id=repo_id)
        try:
            repo = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
            commit = api.upload_folder(
                repo_id=repo,
                folder_path=folder,
                commit_message=commit_message,
                revision=revision,
                create_pr=create_pr,
            )
        except (HfHubHTTPError, HFValidationError, OSError) as error:
            raise RunError(
                f'cannot upload to "{repo_id}" ({_reason(error)}); `hf auth login` stores a token'
            ) from None
    return str(commit.commit_url)


def _run(source: Source) -> RunFolder:
    if isinstance(source, RunFolder):
        return source
    if isinstance(source, str | Path):
        return RunFolder.open(source)
    raise LoopyNetError(
        f"a LoopyNet or a run can be saved for the hub, not {type(source).__name__}; the weights "
        "of a model with added loops are its state_dict()"
    )


def _copy_run(run: RunFolder, target: Path) -> None:
    """Copy what a reader of the run needs, without the places where its data lay."""
    for name in OF_A_RUN:
        if (run.path / name).is_file():
            (target / name).unlink(missing_ok=True)
            shutil.copyfile(run.path / name, target / name)
    data = run.read_json("data.json")
    data = {**data, "provenance": {k: v for k, v in run.provenance().items() if k != "origin"}}
    write_whole(target / "data.json", json.dumps(data, indent=2) + "\n")


def _reason(error: Exception) -> str:
    """Return the first line of what went wrong."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
