"""LoopyModule in a Trainer and with data of the user's own."""

from __future__ import annotations

import lightning
import pytest
import torch
from small_runs import small_spec
from torch.utils.data import DataLoader, TensorDataset

import loopynet
from loopynet import LoopyModule, LoopyNet


def loader(n: int, seed: int) -> DataLoader:
    """Return images whose class is the brighter half."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 1, 8, 8, generator=generator)
    labels = (x[:, 0, :, :4].mean((1, 2)) > x[:, 0, :, 4:].mean((1, 2))).long()
    return DataLoader(TensorDataset(x, labels), batch_size=16)


def trainer(**options: object) -> lightning.Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return lightning.Trainer(accelerator="cpu", enable_checkpointing=False, **quiet, **options)


def test_it_trains_in_a_trainer_of_ones_own() -> None:
    torch.manual_seed(0)
    module = LoopyModule(LoopyNet(small_spec("layers.fc_1.units=2", "training.learning_rate=0.01")))
    mine = trainer(max_epochs=4)
    before = mine.validate(module, loader(96, 1), verbose=False)[0]
    mine.fit(module, loader(96, 0), loader(96, 1))
    after = mine.callback_metrics
    assert after["validation_loss"] < before["validation_loss"]
    assert {"train_loss", "train_accuracy", "validation_accuracy"} <= set(after)


def test_the_losses_of_an_epoch_are_means_over_images() -> None:
    """Batches of 16, 16 and 1: the last one counts as one image."""
    torch.manual_seed(0)
    net = LoopyNet(small_spec("layers.fc_1.units=2")).eval()
    batches = loader(33, 1)
    found = trainer().validate(LoopyModule(net), batches, verbose=False)[0]["validation_loss"]
    x, labels = batches.dataset.tensors
    with torch.no_grad():
        wanted = float(torch.nn.functional.cross_entropy(net(x), labels))
    assert found == pytest.approx(wanted, rel=1e-5)


def test_a_step_is_the_specs_optimizer_on_the_loss_over_time() -> None:
    torch.manual_seed(0)
    spec = small_spec("loss.steps=[1, 2, 3]", "training.optimizer=sgd", "readout=each")
    net, same = LoopyNet(spec), LoopyNet(spec)
    same.load_state_dict(net.state_dict())
    batches = loader(16, 0)
    trainer(max_steps=1).fit(LoopyModule(net), batches)
    ((x, labels),) = batches
    losses = [torch.nn.functional.cross_entropy(one, labels) for one in same(x, readout="each")]
    sum(w * loss / 6 for w, loss in zip((1, 2, 3), losses, strict=True)).backward()
    rate = spec.training.learning_rate
    for (name, p), q in zip(net.named_parameters(), same.parameters(), strict=True):
        torch.testing.assert_close(p, q - rate * q.grad, msg=name)


def test_a_progressive_loss_starts_from_a_random_unroll(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = small_spec("loss={progressive: 0.25}", "training.optimizer=sgd", "norm=none")
    net = LoopyNet(spec)
    module = LoopyModule(net)
    ((x, labels),) = loader(16, 0)
    drawn, forward = [], LoopyNet.forward

    def watch(self: LoopyNet, x: torch.Tensor, **options: object) -> torch.Tensor:
        drawn.append((options["unrolls"], options.get("gradient")))
        return forward(self, x, **options)

    monkeypatch.setattr(LoopyNet, "forward", watch)
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    for seed in range(40):
        torch.manual_seed(seed)
        loss = module.training_step((x, labels), 0)
        (_, whole), (count, part) = drawn[-2:]
        assert whole is None
        assert isinstance(part, loopynet.Truncated)
        assert 1 <= part.steps <= count <= 3
        with torch.no_grad():
            losses = [
                torch.nn.functional.cross_entropy(forward(net, x, unrolls=n), labels)
                for n in (3, count)
            ]
        torch.testing.assert_close(loss.detach(), 0.75 * losses[0] + 0.25 * losses[1])
    seen = {(count - part.steps, part.steps) for count, part in drawn[1::2]}
    assert seen == {(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1)}


@pytest.mark.parametrize("part", ["validation", "without loops", "no share"])
def test_elsewhere_there_is_no_progressive_loss(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    share = 0 if part == "no share" else 0.5
    steps = 1 if part == "without loops" else 3
    module = LoopyModule(
        LoopyNet(small_spec(f"loss={{progressive: {share}}}", f"unroll.steps={steps}"))
    )
    calls = []
    monkeypatch.setattr(module, "_progressive_loss", lambda *_: calls.append(1))
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    step = module.validation_step if part == "validation" else module.training_step
    ((x, labels),) = loader(16, 0)
    step((x, labels), 0)
    assert not calls


def test_it_is_public_and_loaded_late() -> None:
    assert "LoopyModule" in loopynet.__all__
    with pytest.raises(AttributeError, match="LoopyModul'"):
        _ = loopynet.LoopyModul
