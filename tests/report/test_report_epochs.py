"""Reading metrics.csv, and which epoch's weights were kept."""

import numpy as np
import pytest

from loopynet.errors import RunError
from loopynet.report.epochs import Epochs, kept_epoch, read_epochs
from loopynet.run import RunFolder


def read(tmp_path, text):
    (tmp_path / "metrics.csv").write_text(text)
    return read_epochs(RunFolder(tmp_path))


def test_columns_are_numbers_and_empty_ones_are_left_out(tmp_path):
    found = read(
        tmp_path, "epoch,train_loss,validation_loss,seconds\n1,2.5,,1\n2,inf,,2\n3,nan,,3\n"
    )
    assert found.numbers.tolist() == [1, 2, 3]
    np.testing.assert_equal(found.columns["train_loss"], [2.5, np.nan, np.nan])
    assert set(found.columns) == {"train_loss", "seconds"}


@pytest.mark.parametrize("text", ["", "epoch,seconds\n"])
def test_no_epochs_are_none(tmp_path, text):
    assert read(tmp_path, text) is None
    (tmp_path / "metrics.csv").unlink()
    assert read_epochs(RunFolder(tmp_path)) is None


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "epoch,loss\n1,x\n", "epoch,loss\n1,2,3\n"])
def test_a_damaged_file_is_named(tmp_path, text):
    with pytest.raises(RunError, match=r"metrics\.csv: is damaged"):
        read(tmp_path, text)


def test_the_first_of_equally_good_epochs_was_kept():
    epochs = Epochs(np.array([1.0, 2, 3]), {"validation_accuracy": np.array([0.5, 0.7, 0.7])})
    assert kept_epoch("best on validation", epochs) == 2
    assert kept_epoch("last epoch", epochs) == 3
    assert kept_epoch("last epoch", None) is None
    assert kept_epoch("best on validation", Epochs(np.array([1.0]), {})) is None
