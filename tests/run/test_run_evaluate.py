import pytest
import torch

from loopynet import DataError, Identity, LoopyNet, NetworkSpec
from loopynet.data import Images, Preprocessing
from loopynet.run import Answers, evaluate
from loopynet.spec import DataSpec


def answers(right):
    """Return a network that answers class 1 for bright pixels, and images of which some are."""
    net = LoopyNet(
        NetworkSpec(
            input={"shape": (2, 1, 1)},
            layers={"same": Identity(), "pool": {"type": "global_pool"}},
            main=("same", "pool"),
        )
    )
    labels = torch.ones(len(right), dtype=torch.int64)
    pixels = torch.zeros(len(right), 2, 1, 1, dtype=torch.uint8)
    pixels[:, 1, 0, 0] = torch.tensor([255 if r else 0 for r in right], dtype=torch.uint8)
    pixels[:, 0, 0, 0] = 128
    images = Images(pixels, labels)
    return net, images, Preprocessing.fit(pixels, DataSpec(center="none"))


def test_standard_counts_every_image_once():
    result = evaluate(*answers([i < 321 for i in range(1_000)]))
    assert result.accuracy == pytest.approx(0.321, abs=1e-12)
    assert result.images == 1_000


def test_published_is_the_mean_over_eleven_windows():
    # Right are the first 105 images: windows 0 to 5 are all right, then one less each.
    result = evaluate(*answers([i < 105 for i in range(1_000)]), protocol="published")
    windows = [1.0] * 6 + [0.99, 0.98, 0.97, 0.96, 0.95]
    assert result.accuracy == pytest.approx(sum(windows) / 11, abs=1e-12)
    assert result.images == 110


def test_the_loss_is_the_mean_cross_entropy():
    net, images, preprocessing = answers([True] * 300)
    logits = net(preprocessing(images.pixels)).double()
    expected = torch.nn.functional.cross_entropy(logits, images.labels).item()
    assert evaluate(net, images, preprocessing).loss == pytest.approx(expected, abs=1e-6)


def test_the_mode_of_the_network_is_restored():
    net, images, preprocessing = answers([True] * 3)
    net.train()
    evaluate(net, images, preprocessing)
    assert net.training


def test_no_images_are_named():
    net, images, preprocessing = answers([True])
    nothing = Images(images.pixels[:0], images.labels[:0])
    with pytest.raises(DataError, match="no images"):
        evaluate(net, nothing, preprocessing)


def test_the_answers_to_every_image_are_kept_in_their_order():
    right = [i % 3 == 0 for i in range(600)]  # more than one batch
    result = evaluate(*answers(right))
    kept = result.answers
    assert kept.predicted.shape == (1, 600)
    assert (kept.predicted[0] == kept.labels).tolist() == right
    assert kept.weights.tolist() == [1] * 600
    assert "answers" not in result.plain()


def test_published_answers_weigh_what_their_windows_count():
    right = [i < 105 for i in range(1_000)]
    result = evaluate(*answers(right), protocol="published")
    kept = result.answers
    # Image 0 is in the first window only, images 10 to 99 in all eleven, image 109 in the last.
    assert kept.weights.tolist() == [min(i + 1, 11, 110 - i) for i in range(110)]
    hits = (kept.predicted[0] == kept.labels) * kept.weights
    assert hits.sum().item() / kept.weights.sum().item() == pytest.approx(result.accuracy)


def test_answers_are_small_in_a_file():
    tensors = evaluate(*answers([True, False])).answers.to_tensors()
    assert tensors["labels"].dtype == tensors["predicted"].dtype == torch.uint8
    assert tensors["predicted"].tolist() == [[1, 0]]


def test_unrolls_without_logits_are_left_out_and_the_others_keep_their_numbers():
    conv = {"type": "conv2d", "filters": 2}
    net = LoopyNet(
        NetworkSpec(
            input={"shape": (2, 3, 3)},
            layers={"a": conv, "b": conv, "pool": {"type": "global_pool"}},
            main=("a", "b", "pool"),
            loops={"back": {"from": "b", "to": "a"}},
            unroll={"steps": 5, "schedule": "parallel"},
        )
    )
    images = Images(torch.zeros(4, 2, 3, 3, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64))
    preprocessing = Preprocessing.fit(images.pixels, DataSpec(center="none"))
    result = evaluate(net, images, preprocessing)
    assert (result.first_unroll, len(result.accuracies), len(result.losses)) == (2, 4, 4)
    assert result.answers.predicted.shape == (4, 4)
    assert result.plain()["first_unroll"] == 2
    assert len(evaluate(net, images, preprocessing, unrolls=2).accuracies) == 1
    assert evaluate(*answers([True])).first_unroll == 1


def test_answers_beyond_255_are_kept_where_all_labels_are_below():
    labels, weights = torch.tensor([4, 5]), torch.ones(2, dtype=torch.int64)
    kept = Answers(labels, torch.tensor([[260, 5]]), weights).to_tensors()
    assert kept["predicted"].tolist() == [[260, 5]]
