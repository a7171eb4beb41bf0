import csv
import json
import signal

import pytest
import torch
from small_runs import small_spec

from loopynet import LoopyNet, RunError, SpecError, to_yaml
from loopynet.errors import LoopyNetWarning
from loopynet.run import RunFolder
from loopynet.run.checkpoints import checkpoints
from loopynet.training import resume, train
from loopynet.training.checkpointing import newest_checkpoint
from loopynet.training.speed import has_compiler


def weights(run):
    return run.read_tensors("model.safetensors")


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def table(run):
    with run.metrics.open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def test_a_run_folder_holds_everything(tmp_path):
    spec = small_spec()
    said = []
    result = train(spec, str(tmp_path / "run"), say=said.append)
    run = result.run
    assert {p.name for p in run.path.iterdir()} == {
        "config.yaml", "metrics.csv", "results.json", "model.safetensors", "data.json",
        "preprocessing.safetensors", "answers.safetensors", "environment.json", "checkpoints",
    }  # fmt: skip
    assert {p.name for p in (run.path / "checkpoints").iterdir()} == {
        "best.safetensors", *(p.name for p in checkpoints(run.path / "checkpoints")),
    }  # fmt: skip
    assert to_yaml(run.spec(), resolved=True) == to_yaml(spec, resolved=True)
    assert [row["epoch"] for row in table(run)] == ["1", "2", "3"]
    assert len(said) == 3
    assert "validation" in said[0]
    environment = run.read_json("environment.json")
    assert environment["seed"] == 0
    assert environment["packages"]["torch"] == torch.__version__
    results = run.read_json("results.json")
    assert results["test"]["accuracy"] == result.test.accuracy > 0.5
    assert results["test"]["images"] == 269
    assert not results["interrupted"]


def test_the_saved_network_gives_the_same_logits(tmp_path):
    run = train(small_spec("training.epochs=1"), str(tmp_path / "run")).run
    net, again = run.network(), LoopyNet.load(run.path)
    x = torch.randn(5, 1, 8, 8)
    assert torch.equal(net(x), again(x))
    assert not again.training


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(tmp_path):
    runs = [
        train(small_spec("training.epochs=2", f"training.seed={s}"), str(tmp_path / str(i))).run
        for i, s in enumerate((1, 1, 2))
    ]
    assert same(weights(runs[0]), weights(runs[1]))
    assert table(runs[0]) == table(runs[1])
    assert not same(weights(runs[0]), weights(runs[2]))


@pytest.mark.parametrize("stop_after", [2, 3])
def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path, stop_after):
    spec = small_spec(
        "layers.pool={type: dropout, rate: 0.3}",
        "training.learning_rate_schedule=cosine",
        "training.epochs=4",
    )
    whole = train(spec, str(tmp_path / "whole")).run
    lines = []

    def interrupt(line):
        lines.append(line)
        if len(lines) == stop_after:
            raise KeyboardInterrupt

    stopped = train(spec, str(tmp_path / "stopped"), say=interrupt)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert stopped.interrupted
    assert stopped.test is None
    assert (stopped.run.path / "model.safetensors").is_file()
    assert stopped.run.read_json("results.json")["interrupted"]
    again = resume(stopped.run)
    assert not again.interrupted
    assert same(weights(whole), weights(again.run))
    assert table(whole) == table(again.run)


def test_a_run_with_bounded_weights_is_resumed_exactly(tmp_path):
    spec = small_spec("norm=none", "unroll.contract=0.9", "training.epochs=3")
    whole = train(spec, str(tmp_path / "whole")).run
    assert "layers.conv_2.op.parametrizations.weight.0.vector" in weights(whole)

    def interrupt(line):
        raise KeyboardInterrupt

    stopped = train(spec, str(tmp_path / "stopped"), say=interrupt)
    assert stopped.interrupted
    assert same(weights(whole), weights(resume(stopped.run).run))


@pytest.mark.skipif(not has_compiler(), reason="no C++ compiler")
def test_a_compiled_run_is_recorded_and_continued_to_the_same_bits(tmp_path):
    spec = small_spec("training.epochs=2", "training.speed.compile=true")
    whole = train(spec, str(tmp_path / "whole")).run
    assert whole.read_json("environment.json")["speed"]["compile"] == {
        "value": True, "reason": "asked for"
    }  # fmt: skip

    def interrupt(_):
        raise KeyboardInterrupt

    stopped = train(spec, str(tmp_path / "stopped"), say=interrupt)
    assert same(weights(whole), weights(resume(stopped.run).run))
    eager = train(small_spec("training.epochs=2"), str(tmp_path / "eager")).run
    assert eager.read_json("environment.json")["speed"]["compile"]["value"] is False
    assert not same(weights(whole), weights(eager))  # other order of sums: it did compile
    for name, value in weights(eager).items():
        torch.testing.assert_close(value, weights(whole)[name], rtol=0.05, atol=0.02)


def test_a_run_that_was_killed_after_its_last_epoch_is_scored(tmp_path):
    run = train(small_spec("training.epochs=2"), str(tmp_path / "run")).run
    expected = run.read_json("results.json")
    for name in ("results.json", "answers.safetensors", "model.safetensors"):
        (run.path / name).unlink()
    resume(run)
    found = run.read_json("results.json")
    assert found["test"] == expected["test"]
    assert found["seconds"] == expected["seconds"]
    assert (run.path / "answers.safetensors").is_file()


def test_a_run_that_was_killed_after_it_stopped_early_is_scored_and_not_continued(tmp_path):
    stopping = "training.early_stopping={patience: 1, monitor: validation_accuracy, min_delta: 0.9}"
    run = train(small_spec(stopping), str(tmp_path / "run")).run
    expected, kept = run.read_json("results.json"), weights(run)
    assert expected["epochs"] == 2
    (run.path / "results.json").unlink()
    assert resume(run).stopped_early
    assert run.read_json("results.json")["epochs"] == 2
    assert same(weights(run), kept)


def test_a_folder_with_nothing_but_a_config_is_a_run_that_has_not_begun(tmp_path):
    spec = small_spec("training.epochs=1")
    whole = train(spec, str(tmp_path / "whole")).run
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    run = RunFolder(tmp_path / "run")
    run.write_spec(spec)
    resume(run)
    assert same(weights(whole), weights(run))
    assert {p.name for p in run.path.iterdir()} == {p.name for p in whole.path.iterdir()}


def test_a_finished_run_is_not_continued(tmp_path):
    run = train(small_spec("training.epochs=1"), str(tmp_path / "run")).run
    with pytest.raises(RunError, match="finished"):
        resume(run)


def test_a_run_folder_is_never_overwritten(tmp_path):
    train(small_spec("training.epochs=1"), str(tmp_path / "run"))
    with pytest.raises(RunError, match="exists already"):
        train(small_spec("training.epochs=1"), str(tmp_path / "run"))


def test_names_are_numbered_when_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = small_spec()
    assert [RunFolder.create(None, spec).path.name for _ in range(3)] == [
        "digits-loopy", "digits-loopy-2", "digits-loopy-3",
    ]  # fmt: skip


def test_nothing_is_written_for_a_spec_that_cannot_run(tmp_path):
    spec = small_spec("training.batch_size=900000000")
    with pytest.raises(SpecError, match=r"smaller training\.batch_size"):
        train(spec, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_keep_best_keeps_the_weights_of_the_best_epoch(tmp_path):
    changes = ("training.keep=best", "training.learning_rate=0.02", "training.epochs=6")
    result = train(small_spec(*changes), str(tmp_path / "run"))
    best = max(float(row["validation_accuracy"]) for row in table(result.run))
    assert result.validation.accuracy == pytest.approx(best, abs=1e-6)
    assert result.run.read_json("results.json")["kept"] == "best on validation"


def test_early_stopping_stops(tmp_path):
    changes = ("training.early_stopping={patience: 1, min_delta: 100}", "training.epochs=20")
    run = train(small_spec(*changes), str(tmp_path / "run")).run
    assert len(table(run)) == 2


def test_a_diverging_run_is_named(tmp_path):
    changes = ("training.optimizer=sgd", "training.learning_rate=1.0e+30", "norm=none")
    with pytest.raises(RunError, match="the loss became"):
        train(small_spec(*changes), str(tmp_path / "run"))


def test_the_schedule_and_warm_up_reach_the_table(tmp_path):
    changes = ("training.warmup_epochs=1", "training.learning_rate_schedule=cosine",
               "training.epochs=3")  # fmt: skip
    rates = [float(row["learning_rate"]) for row in table(train(
        small_spec(*changes), str(tmp_path / "run")).run)]  # fmt: skip
    assert rates == pytest.approx([0.0005, 0.001, 0.0005], rel=1e-6)


def test_loss_over_all_unrolls_makes_the_first_unroll_useful(tmp_path):
    every = train(
        small_spec("readout=each", "loss.steps=all", "training.epochs=6"), str(tmp_path / "all")
    ).test
    last = train(small_spec("training.epochs=6"), str(tmp_path / "last")).test
    assert every.accuracies[0] > last.accuracies[0] + 0.1
    assert len(last.accuracies) == len(every.accuracies) == 3


def test_damaged_weights_are_named(tmp_path):
    run = train(small_spec("training.epochs=1"), str(tmp_path / "run")).run
    file = run.path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(RunError, match=r"model\.safetensors: cannot be read"):
        run.network()


def test_weights_of_another_network_are_named(tmp_path):
    run = train(small_spec("training.epochs=1"), str(tmp_path / "run")).run
    run.write_spec(small_spec("layers.conv_3.filters=9", "layers.conv_2.filters=9",
                              "layers.conv_1.filters=9"))  # fmt: skip
    with pytest.raises(RunError, match=r"layers\.conv_1\.norm\.bias"):
        run.network()


def test_results_are_plain_json(tmp_path):
    run = train(small_spec("training.epochs=1"), str(tmp_path / "run")).run
    for name in ("results.json", "data.json", "environment.json"):
        assert json.loads((run.path / name).read_text())


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("training.early_stopping={patience: 2}", "training.early_stopping"),
        ("training.keep=best", "training.keep"),
        ("training.learning_rate_schedule=plateau", "training.learning_rate_schedule"),
    ],
)
def test_options_that_need_validation_images_say_so(tmp_path, change, key):
    spec = small_spec("data.split={train: 500, test: 100}", change)
    with pytest.raises(SpecError, match=f"{key}: needs validation images"):
        train(spec, str(tmp_path / "run"))


def test_a_run_without_validation_images_ends_well(tmp_path):
    changes = ("data.split={train: 500, test: 100}", "training.epochs=1")
    result = train(small_spec(*changes), str(tmp_path / "run"))
    assert result.validation is None
    assert result.test.images == 100


def test_a_batch_of_one_image_is_named(tmp_path):
    changes = ("data.split={train: 33, validation: 10, test: 10}", "training.epochs=1",
               "layers.fc_0={type: dense, units: 5}",
               "main=[conv_1, conv_2, conv_3, pool, fc_0, fc_1]")  # fmt: skip
    with pytest.raises(SpecError, match='batch norm of "fc_0"'):
        train(small_spec(*changes), str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without CUDA")
@pytest.mark.parametrize("change", ["training.device=cuda", "training.precision=float16"])
def test_a_device_that_is_not_there_is_named(tmp_path, change):
    with pytest.raises(SpecError, match=r"^training\.(device|precision): "):
        train(small_spec(change), str(tmp_path / "run"))


def test_the_published_protocol_trains_on_its_windows(tmp_path):
    run = train(
        small_spec("training.protocol=published", "training.epochs=1"), str(tmp_path / "run")
    ).run
    assert table(run)[0]["step"] == str(1258 // 32 + 1)
    results = run.read_json("results.json")
    assert results["test"]["images"] == 100 + 269 // 100
    assert results["test"]["protocol"] == results["protocol"] == "published"


def test_keep_best_survives_a_run_folder_that_is_moved(tmp_path):
    spec = small_spec("training.keep=best", "training.epochs=4")
    whole = train(spec, str(tmp_path / "whole"))
    lines = []

    def interrupt(line):
        lines.append(line)
        if len(lines) == 4:
            raise KeyboardInterrupt

    stopped = train(spec, str(tmp_path / "stopped"), say=interrupt).run
    moved = RunFolder(stopped.path.rename(tmp_path / "moved"))
    again = resume(moved)
    assert same(weights(whole.run), weights(again.run))
    assert again.validation.accuracy == whole.validation.accuracy


def test_a_run_stopped_in_its_first_epoch_starts_again(tmp_path):
    spec = small_spec("training.epochs=1")

    def interrupt(_):
        raise KeyboardInterrupt

    stopped = train(spec, str(tmp_path / "stopped"), say=interrupt)
    assert stopped.interrupted
    assert newest_checkpoint(stopped.run) is None
    whole = train(spec, str(tmp_path / "whole"))
    assert same(weights(resume(stopped.run).run), weights(whole.run))


def stopped_after(epoch, tmp_path):
    def interrupt(line):
        if f"{epoch + 1}/4" in line:  # said before the epoch's own checkpoint is written
            raise KeyboardInterrupt

    spec = small_spec("training.epochs=4", "training.early_stopping={patience: 9}")
    return spec, train(spec, str(tmp_path / "run"), say=interrupt).run


def test_two_checkpoints_are_kept_and_a_damaged_one_gives_way_to_the_one_before(tmp_path):
    spec, run = stopped_after(3, tmp_path)
    newest, before = checkpoints(run.path / "checkpoints")
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    with pytest.warns(
        LoopyNetWarning, match=rf"{newest.name}.*damaged; going on from {before.name}"
    ):
        again = resume(run).run
    whole = train(spec, str(tmp_path / "whole")).run
    assert same(weights(whole), weights(again))
    kept = [run.path / "checkpoints" / p.name for p in checkpoints(run.path / "checkpoints")]
    assert len(kept) == 2


def test_damaged_checkpoints_are_named(tmp_path):
    _, run = stopped_after(3, tmp_path)
    for file in checkpoints(run.path / "checkpoints"):
        file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(RunError, match=r"step-\d+-\w+\.ckpt .*: the checkpoint cannot be read"):
        resume(run)


def test_stopping_early_is_recorded(tmp_path):
    changes = ("training.early_stopping={patience: 1, min_delta: 100}", "training.epochs=20")
    result = train(small_spec(*changes), str(tmp_path / "run"))
    assert result.stopped_early
    assert result.run.read_json("results.json")["stopped_early"]


def test_an_augmentation_that_does_not_fit_is_named_before_anything_is_written(tmp_path):
    spec = small_spec("training.augmentation=[{type: color_jitter, saturation: 0.5}]")
    with pytest.raises(SpecError, match=r"^training\.augmentation: cannot be applied"):
        train(spec, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
