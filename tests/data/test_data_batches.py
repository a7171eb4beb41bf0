import lightning
import pytest
import torch

from loopynet.data import Batches, Images, Preprocessing
from loopynet.errors import DataError
from loopynet.spec.data import DataSpec


@pytest.fixture
def images():
    pixels = torch.arange(103, dtype=torch.uint8)[:, None, None, None].repeat(1, 1, 2, 2)
    return Images(pixels, torch.arange(103))


@pytest.fixture
def plain(images):
    return Preprocessing.fit(images.pixels, DataSpec(scale="byte", center="none"))


def order(batches):
    return [int(label) for _, labels in batches for label in labels]


def test_each_image_once_and_with_its_own_label(images, plain):
    batches = Batches(images, plain, 10, shuffle=True)
    assert len(batches) == len(list(batches)) == 11
    assert sorted(order(batches)) == list(range(103))
    assert order(batches) != list(range(103))
    for pixels, labels in batches:
        assert pixels.dtype == torch.float32
        assert labels.dtype == torch.int64
        assert torch.equal(pixels[:, 0, 0, 0].long(), labels)


def test_in_order_without_shuffle(images, plain):
    batches = Batches(images, plain, 10, shuffle=False)
    batches.set_epoch(3)
    assert order(batches) == list(range(103))


def test_drop_last(images, plain):
    batches = Batches(images, plain, 10, shuffle=True, drop_last=True)
    assert len(batches) == 10
    assert [len(labels) for _, labels in batches] == [10] * 10
    assert len(Batches(images, plain, 103, shuffle=True, drop_last=True)) == 1


def test_the_order_depends_on_seed_and_epoch_only(images, plain):
    torch.manual_seed(1)
    worn = Batches(images, plain, 10, shuffle=True, seed=4)
    for epoch in range(5):
        worn.set_epoch(epoch)
        last = order(worn)
    torch.manual_seed(2)
    fresh = Batches(images, plain, 7, shuffle=True, seed=4)
    fresh.set_epoch(4)
    assert order(fresh) == last
    fresh.set_epoch(5)
    assert order(fresh) != last
    swapped = Batches(images, plain, 7, shuffle=True, seed=5)
    swapped.set_epoch(3)  # the same sum of seed and epoch
    assert order(swapped) != last


@pytest.mark.parametrize("done", [0, 1, 4, 11])
def test_an_epoch_goes_on_where_it_was_left(images, plain, done):
    left = Batches(images, plain, 10, shuffle=True, seed=4)
    left.set_epoch(2)
    whole = order(left)
    begun = iter(left)
    first = [int(label) for _ in range(done) for label in next(begun)[1]]
    fresh = Batches(images, plain, 10, shuffle=True, seed=4)
    fresh.set_epoch(2)
    fresh.load_state_dict(left.state_dict() if done else {"done": 0})
    assert first + order(fresh) == whole
    fresh.set_epoch(3)
    assert len(order(fresh)) == 103


def test_augmentation_sees_pixels_of_0_to_1_before_the_mean_is_subtracted(images):
    seen = []

    def augment(unit):
        seen.append(unit)
        return unit.flip(3)

    byte = Preprocessing.fit(images.pixels, DataSpec(scale="byte"))
    [(got, _)] = Batches(images, byte, 103, shuffle=False, augment=augment)
    assert torch.allclose(seen[0], images.pixels / 255)
    assert torch.allclose(got, byte(images.pixels.flip(3)), atol=1e-4)


def test_no_images(plain):
    none = Images(torch.zeros(0, 1, 2, 2, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64))
    assert list(Batches(none, plain, 4, shuffle=True)) == []


@pytest.mark.parametrize(("size", "seed"), [(0, 0), (4, -1)])
def test_wrong_arguments(images, plain, size, seed):
    with pytest.raises(DataError):
        Batches(images, plain, size, shuffle=True, seed=seed)


class _Recorder(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
        self.epochs = {}

    def training_step(self, batch, _):
        pixels, labels = batch
        self.epochs.setdefault(self.current_epoch, []).extend(labels.tolist())
        return self.layer(pixels.flatten(1)).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def test_lightning_sets_the_epoch(images, plain, tmp_path):
    module = _Recorder()
    trainer = lightning.Trainer(
        max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(module, Batches(images, plain, 10, shuffle=True))
    for epoch in range(3):
        wanted = Batches(images, plain, 10, shuffle=True)
        wanted.set_epoch(epoch)
        assert module.epochs[epoch] == order(wanted)
