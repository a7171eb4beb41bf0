"""`training.batch_size: auto` is found once, and is a number from then on."""

import pytest
import torch

from loopynet import SpecError
from loopynet.compare import grid
from loopynet.estimator.fit import fit_network
from loopynet.run import RunFolder
from loopynet.search import run as search_run
from loopynet.spec import TrainingSpec
from loopynet.training import Workers, batch_size, resume, train
from loopynet.training.batch_size import with_number
from loopynet.training.need import process_bytes
from loopynet.training.workers import FOLDER, agreed
from training.small_runs import small_spec

CPU = torch.device("cpu")
AUTO = ("training.batch_size=auto", "training.epochs=1", "training.device=cpu")


def free(monkeypatch, amount):
    monkeypatch.setattr(batch_size, "free_bytes", lambda _: int(amount))


@pytest.fixture
def kilobyte(monkeypatch):
    """Let every image need 1,000 bytes, and the network none."""
    monkeypatch.setattr(batch_size, "process_bytes", lambda _spec, _device, size: 1000 * size)


def found(spec, *images_and_workers):
    return with_number(spec, *images_and_workers)[0].training.batch_size


def test_it_is_the_largest_power_of_two_that_needs_four_fifths(monkeypatch, kilobyte):
    spec = small_spec(*AUTO)
    for size in (2, 16, 64, 1024):
        free(monkeypatch, 1250 * size)
        assert found(spec, 1257) == size
        free(monkeypatch, 1250 * size - 1)
        assert found(spec, 1257) == size // 2
    free(monkeypatch, 0)
    assert found(spec, 1257) == 1


def test_it_is_not_above_the_number_of_images(monkeypatch, kilobyte):
    free(monkeypatch, 2**40)
    spec = small_spec(*AUTO)
    assert [found(spec, count) for count in (1, 2, 1023, 1024, 1257)] == [1, 2, 512, 1024, 1024]


def test_workers_share_the_batch_and_the_memory_of_their_machine(monkeypatch, kilobyte):
    spec = small_spec(*AUTO)
    free(monkeypatch, 2 * 1250 * 16)
    assert found(spec, 1257, Workers(devices=2)) == 32
    free(monkeypatch, 1250 * 16)
    assert found(spec, 1257, Workers(nodes=2)) == 32


def test_a_run_has_the_number_and_goes_on_with_it(monkeypatch, tmp_path):
    spec = small_spec(*AUTO)
    free(monkeypatch, process_bytes(spec, CPU, 64) / 0.8 + 1)
    said = []
    run = train(spec, str(tmp_path / "run"), say=said.append).run
    assert said[0].startswith("training.batch_size: 64 found")
    assert "1,258 training images" in said[0]
    assert run.spec().training.batch_size == 64
    assert run.results()["epochs"] == 1
    known = train(run.spec(), str(tmp_path / "known")).run
    weights = [one.read_tensors("model.safetensors") for one in (run, known)]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    begun = RunFolder(tmp_path / "begun")  # a folder with a config alone
    (begun.path / "checkpoints").mkdir(parents=True)
    begun.write_spec(spec)
    resume(begun)
    assert begun.spec().training.batch_size == 64


def test_other_processes_take_the_number_of_process_0(monkeypatch, tmp_path):
    spec, numbered = small_spec(*AUTO), small_spec("training.batch_size=8")
    RunFolder(tmp_path).write_spec(numbered)
    two = Workers(devices=2)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    assert agreed(spec, two) is spec
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert agreed(spec, two).training.batch_size == 8
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    with pytest.raises(SpecError, match="torchrun or SLURM"):
        agreed(spec, two)
    assert agreed(numbered, two) is numbered


def test_where_runs_are_compared_a_number_is_asked_for(tmp_path):
    spec = small_spec(*AUTO)
    with pytest.raises(SpecError, match="the runs of a comparison would differ"):
        grid([spec])
    with pytest.raises(SpecError, match="the runs of a comparison would differ"):
        grid([small_spec()], {"training.batch_size": ["8", "auto"]})
    assert len(grid([spec], {"training.batch_size": ["8", "16"]})) == 2
    with pytest.raises(SpecError, match="the runs of a search would differ"):
        search_run.search(spec, {}, tmp_path / "search", 1)
    assert not (tmp_path / "search").exists()


def test_a_classifier_finds_one_too(monkeypatch):
    free(monkeypatch, 2**40)
    x, labels = torch.rand(20, 1, 8, 8), torch.arange(20) % 10
    assert fit_network(small_spec(*AUTO), x, labels, seed=0).spec.training.batch_size == 16


def test_before_it_is_found_there_is_no_number():
    assert small_spec(*AUTO).training.least_images == 1
    with pytest.raises(SpecError, match="only training finds"):
        _ = TrainingSpec(batch_size="auto").step_images
    assert TrainingSpec(batch_size=7).step_images == TrainingSpec(batch_size=7).least_images == 7
    for wrong in ("0", "many", "true"):
        with pytest.raises(SpecError, match="batch_size"):
            small_spec(f"training.batch_size={wrong}")
