"""The classifier keeps scikit-learn's rules, by its own checks, and classifies."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from loopynet import DataError, LoopyClassifier, LoopyNet, SpecError, load_spec


@parametrize_with_checks([LoopyClassifier(epochs=6, learning_rate=0.03, random_state=0)])
def test_scikit_learns_own_checks(estimator, check) -> None:
    check(estimator)


IMAGES = load_spec(
    "digits-loopy",
    ("layers.conv_1.filters=4", "layers.conv_2.filters=4", "layers.conv_3.filters=4",
     "training.epochs=4", "training.learning_rate=0.01"),
)  # fmt: skip


def digits(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    return (X[:count] / 16).astype(np.float32), y[:count]


def test_images_as_rows_and_as_images() -> None:
    X, y = digits()
    rows = LoopyClassifier(IMAGES, random_state=0).fit(X[:300], y[:300])
    assert rows.score(X[300:], y[300:]) > 0.7
    whole = X.reshape(-1, 1, 8, 8)
    images = clone(rows).fit(whole[:300], y[:300])
    assert np.array_equal(rows.predict_proba(X), images.predict_proba(whole))


def test_probabilities_are_the_networks() -> None:
    X, y = digits(100)
    names = np.array(["even", "odd"])[y % 2]
    model = LoopyClassifier(epochs=2, random_state=1).fit(X, names)
    assert isinstance(model.net_, LoopyNet)
    wanted = model.net_(torch.from_numpy(X)).softmax(-1).detach().numpy()
    np.testing.assert_array_equal(model.predict_proba(X), wanted)
    assert set(model.predict(X)) <= {"even", "odd"}


def test_random_state_decides_and_the_global_one_is_left_alone() -> None:
    X, y = digits(60)
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    fits = [LoopyClassifier(epochs=2, random_state=s).fit(X, y) for s in (0, 0, 1)]
    assert torch.equal(torch.rand(1), wanted)
    a, b, c = (fit.predict_proba(X) for fit in fits)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert np.array_equal(pickle.loads(pickle.dumps(fits[0])).predict_proba(X), a)


def test_in_a_pipeline_and_a_search() -> None:
    X, y = digits(120)
    model = make_pipeline(StandardScaler(), LoopyClassifier(epochs=3, random_state=0))
    search = GridSearchCV(model, {"loopyclassifier__learning_rate": [1e-5, 0.02]}, cv=2).fit(X, y)
    assert search.best_params_ == {"loopyclassifier__learning_rate": 0.02}


def test_no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    X, y = digits(40)
    LoopyClassifier(epochs=1).fit(X, y)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_what_is_refused() -> None:
    X, y = digits(100)
    with pytest.raises(DataError, match="has 10 logits, and y has 2 classes; write units: 2"):
        LoopyClassifier(IMAGES).fit(X, y % 2)
    with pytest.raises(DataError, match=r"takes inputs \[1, 8, 8\].* X has \[63\] in a row"):
        LoopyClassifier(IMAGES).fit(X[:, 1:], y)
    with pytest.raises(SpecError, match=r"training\.epochs"):
        LoopyClassifier(epochs=0).fit(X, y)
    with pytest.raises(SpecError, match='Did you mean "digits-loopy"'):
        LoopyClassifier("digit-loopy").fit(X, y)
