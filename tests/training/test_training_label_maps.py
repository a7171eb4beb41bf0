"""Training on label maps, from the spec to the report."""

import pytest

from loopynet import LoopyNetError, SpecError, load_spec
from loopynet.report import report_run
from loopynet.run import RunFolder, predict
from loopynet.training import train

SMALL = (
    "data.split={train: 64, validation: 16, test: 16}",
    "training.epochs=2",
    "training.batch_size=16",
    "unroll.steps=2",
    "layers.conv_1.filters=4",
    "layers.conv_2.filters=4",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunFolder:
    folder = tmp_path_factory.mktemp("runs") / "maps"
    return train(load_spec("recurrent-cnn", SMALL), str(folder)).run


def test_the_figures_are_over_positions(run):
    results = run.read_json("results.json")
    maps = results["test"]["maps"]
    assert maps["positions"] == 16 * 8 * 8 == sum(maps["class_positions"])
    pairs = zip(maps["class_accuracies"], maps["class_positions"], strict=True)
    right = sum(share * count for share, count in pairs if count)
    assert results["test"]["accuracy"] == pytest.approx(right / maps["positions"])
    assert len(results["test"]["accuracies"]) == len(maps["mean_ious"]) == 2
    last = run.metrics.read_text().splitlines()[-1].split(",")
    assert float(last[6]) == pytest.approx(results["validation"]["accuracy"], abs=1e-6)
    assert not (run.path / "answers.safetensors").exists()


def test_the_report_has_a_row_for_each_class(run):
    page = report_run(run).read_text()
    for word in ("building", "mean IoU, %", "Positions of test images by class"):
        assert word in page


def test_predicting_files_is_refused(run):
    with pytest.raises(LoopyNetError, match="needs one answer for each image"):
        predict(run, ["a.png"])


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ("training.augmentation=[{type: flip}]", ("training", "augmentation", 0)),
        ("training.protocol=published", ("training", "protocol")),
    ],
)
def test_what_has_no_maps_is_refused(change, path, tmp_path):
    with pytest.raises(SpecError) as caught:
        train(load_spec("recurrent-cnn", (*SMALL, change)), str(tmp_path / "run"))
    assert caught.value.path == path
