"""Figures of label maps, against torchmetrics' own and counts by hand."""

import pytest
import torch
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from loopynet import DataError, LoopyNet, parse_spec
from loopynet.data import Images, Preprocessing
from loopynet.run import evaluate
from loopynet.run.positions import map_scores, right_share
from loopynet.spec import DataSpec
from reference.examples import LABEL_MAPS


def test_classes_that_are_nowhere_do_not_count():
    scores = map_scores([torch.tensor([[3, 1, 0, 0], [2, 2, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])])
    assert scores.positions == 9
    assert scores.class_accuracies == (0.75, 0.5, 0.0, None)
    assert scores.class_ious == (0.5, 2 / 6, 0.0, None)
    assert scores.mean_class_accuracies[0] == pytest.approx(1.25 / 3)
    assert scores.class_positions == (4, 4, 1, 0)
    assert right_share(torch.tensor([[3, 1], [2, 2]])) == 5 / 8


def test_evaluation_is_that_of_torchmetrics():
    torch.manual_seed(0)
    net = LoopyNet(parse_spec(LABEL_MAPS))
    pixels = torch.randint(0, 256, (300, 2, 6, 6), dtype=torch.uint8)
    labels = torch.randint(0, 3, (300, 3, 3), dtype=torch.uint8)
    labels[torch.rand(labels.shape) < 0.2] = 255
    preprocessing = Preprocessing.fit(pixels, DataSpec())
    found = evaluate(net, Images(pixels, labels), preprocessing)
    target = labels.long().masked_fill(labels == 255, -100)
    with torch.no_grad():
        each = net.eval()(preprocessing(pixels), readout="each")
    for t, logits in enumerate(each):
        loss = torch.nn.functional.cross_entropy(logits, target)
        assert found.losses[t] == pytest.approx(loss.item(), abs=1e-5)
        for values, metric in (
            (found.accuracies, MulticlassAccuracy(3, average="micro", ignore_index=-100)),
            (found.maps.mean_class_accuracies, MulticlassAccuracy(3, ignore_index=-100)),
            (found.maps.mean_ious, MulticlassJaccardIndex(3, ignore_index=-100)),
        ):
            assert values[t] == pytest.approx(metric(logits, target).item(), abs=1e-6)
    assert found.answers is None
    assert found.plain()["maps"]["positions"] == int((labels != 255).sum())


def test_the_published_protocol_has_no_maps():
    net = LoopyNet(parse_spec(LABEL_MAPS))
    pixels = torch.zeros(2, 2, 6, 6, dtype=torch.uint8)
    images = Images(pixels, torch.zeros(2, 3, 3, dtype=torch.uint8))
    with pytest.raises(DataError, match="no label maps"):
        evaluate(net, images, Preprocessing.fit(pixels, DataSpec()), protocol="published")
