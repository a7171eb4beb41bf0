"""An evolution strategy as an optimizer: weights that no gradient is needed for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn

from loopynet.errors import LoopyNetError


class Evolution(torch.optim.Optimizer):
    """Separable CMA-ES (Ros and Hansen 2008), of the package `cma`.

    A step draws a population of weights around the mean, takes the loss of each on the same batch
    with the same random numbers, and moves mean and deviations towards the better half. Between
    steps the parameters are the mean.

    The state is what was told so far: a strategy that is asked and told the same again is in the
    same state, and no foreign object has to be stored.

    Args:
        parameters: what is evolved, all in one group.
        learning_rate: the deviation of the first population.
        population: how many are drawn; 4 + 3 log n for n parameters if 0.
        weight_decay: this share of half the squared norm is added to each loss.

    Raises:
        LoopyNetError: the package is not installed, or there are several groups of parameters.
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        learning_rate: float,
        population: int = 0,
        weight_decay: float = 0.0,
    ) -> None:
        options = {"lr": learning_rate, "population": population, "weight_decay": weight_decay}
        super().__init__(parameters, options)
        if len(self.param_groups) > 1:
            raise LoopyNetError("evolution has one group of weights; write training.decay: all")
        self._weights: list[nn.Parameter] = self.param_groups[0]["params"]
        # Not PyTorch's parameters_to_vector, which refuses weights that lie channels last.
        start = torch.cat([p.detach().reshape(-1) for p in self._weights]).double().cpu()
        self._begin(start, int(torch.randint(2**31, ())), [])

    def _begin(self, start: Tensor, seed: int, told: list[Tensor]) -> None:
        """Make the strategy, and tell it again what it was told."""
        self._start, self._seed = start, seed
        self._told: list[Tensor] = []
        draws = np.random.RandomState(seed)
        options = {
            "CMA_diagonal": True, "randn": draws.randn, "seed": np.nan, "verbose": -9,
            "maxiter": np.inf, "maxfevals": np.inf,
        }  # fmt: skip
        if self.param_groups[0]["population"]:
            options["popsize"] = self.param_groups[0]["population"]
        rate = self.param_groups[0]["lr"]
        self._strategy = _cma().CMAEvolutionStrategy(start.numpy(), rate, options)
        for losses in told:
            self._tell(self._strategy.ask(), losses)

    def _tell(self, candidates: list[Any], losses: Tensor) -> None:
        self._strategy.tell(candidates, losses.tolist())
        self._told.append(losses)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float:  # type: ignore[override]
        """Make a generation; returns the mean loss of its population.

        Args:
            closure: returns the loss for the weights that the parameters have then.
        """
        if closure is None:
            raise LoopyNetError("evolution needs a closure that returns the loss")
        candidates, losses = self._strategy.ask(), []
        random = _random_state()
        for candidate in candidates:
            _set_random_state(random)
            losses.append(self._loss(torch.from_numpy(candidate), closure))
        losses = _over_all(losses, self._weights[0].device)
        self._tell(candidates, torch.tensor(losses, dtype=torch.float64))
        self._put(torch.from_numpy(np.array(self._strategy.mean)))
        return sum(losses) / len(losses)

    def _loss(self, weights: Tensor, closure: Callable[[], float]) -> float:
        self._put(weights)
        loss = float(closure())
        penalty = self.param_groups[0]["weight_decay"] / 2 * float(weights.square().sum())
        return loss + penalty if math.isfinite(loss) else math.inf

    def _put(self, weights: Tensor) -> None:
        parts: tuple[Tensor, ...] = weights.split([p.numel() for p in self._weights])  # type: ignore[no-untyped-call]
        for parameter, values in zip(self._weights, parts, strict=True):
            parameter.copy_(values.view(parameter.shape))

    def state_dict(self) -> dict[str, Any]:
        """Return what makes the same strategy again."""
        told = torch.stack(self._told) if self._told else torch.zeros(0, 0, dtype=torch.float64)
        mine = {"start": self._start, "seed": self._seed, "told": told}
        return {**super().state_dict(), "evolution": mine}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        mine = state_dict["evolution"]
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "evolution"})
        self._weights = self.param_groups[0]["params"]
        self._begin(mine["start"].cpu(), int(mine["seed"]), list(mine["told"].cpu()))


def _over_all(losses: list[float], device: torch.device) -> list[float]:
    """Return the mean losses of all processes that train together, each of which has a share.

    Otherwise each would follow its own images, and they would have different weights.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return losses
    total = torch.tensor(losses, dtype=torch.float64, device=device)
    distributed.all_reduce(total)
    return list((total / distributed.get_world_size()).tolist())


def _random_state() -> tuple[Tensor, list[Tensor]]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return torch.get_rng_state(), cuda


def _set_random_state(state: tuple[Tensor, list[Tensor]]) -> None:
    torch.set_rng_state(state[0])
    if state[1]:
        torch.cuda.set_rng_state_all(state[1])


def _cma() -> Any:
    try:
        import cma
    except ImportError:
        raise LoopyNetError(
            'the optimizer evolution needs the package cma; pip install "loopynet[evolution]"'
        ) from None
    return cma
