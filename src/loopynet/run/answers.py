"""The answers that a run kept, checked: they may come from a stranger."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from loopynet.errors import RunError

MOST_CLASSES = 100_000


def check_answers(tensors: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Return the tensors of answers.safetensors as int64.

    Args:
        tensors: as they were read.
        where: what messages call the file.

    Raises:
        RunError: not the labels [N], the predicted classes [k, N] and the weights [N] of an image
            or more; or numbers below 0, or classes from 100,000 on.
    """
    missing = [name for name in ("labels", "predicted", "weights") if name not in tensors]
    if missing:
        raise RunError(f'{where}: has no "{missing[0]}"; copy it again')
    found = {name: tensors[name] for name in ("labels", "predicted", "weights")}
    if any(t.is_floating_point() or t.is_complex() for t in found.values()):
        raise RunError(f"{where}: has numbers that are not whole; copy it again")
    labels, predicted, weights = (found[name].long() for name in ("labels", "predicted", "weights"))
    if labels.dim() != 1 or predicted.dim() != 2 or not labels.numel() or not len(predicted):
        raise RunError(f"{where}: has no answers by unroll and image; copy it again")
    if predicted.shape[1:] != labels.shape or weights.shape != labels.shape:
        raise RunError(f"{where}: has not as many answers as labels; copy it again")
    lowest = min(int(t.min()) for t in (labels, predicted, weights))
    highest = max(int(labels.max()), int(predicted.max()))
    if lowest < 0 or highest >= MOST_CLASSES or int(weights.max()) > 2**31:
        raise RunError(f"{where}: has classes beyond 0 to {MOST_CLASSES - 1:,}; copy it again")
    return {"labels": labels, "predicted": predicted, "weights": weights}
