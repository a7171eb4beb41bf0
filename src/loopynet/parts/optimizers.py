"""Optimizers and learning-rate schedules, by the names of PyTorch and Keras.

Each optimizer function takes the parameters and the learning rate, each schedule function the
optimizer and the number of epochs; their further keyword parameters are the options of a spec.
Annotations are evaluated here (no `from __future__ import annotations`): they type the options.
"""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from loopynet.parts.choice import Choice, ChoiceFrom, FunctionRegistry

if TYPE_CHECKING:
    from torch import optim

optimizers = FunctionRegistry("optimizer", "loopynet.optimizers")
optimizer = optimizers.register
"""Decorate a function of parameters and learning rate that returns an optimizer."""
Optimizer = Annotated[Choice, ChoiceFrom(optimizers)]

schedules = FunctionRegistry("learning-rate schedule", "loopynet.schedules")
schedule = schedules.register
"""Decorate a function of an optimizer and the number of epochs that returns a schedule."""
Schedule = Annotated[Choice, ChoiceFrom(schedules)]

Share = Annotated[float, Field(ge=0, lt=1)]
Amount = Annotated[float, Field(ge=0)]
Epochs = Annotated[int, Field(ge=1)]
Population = Annotated[int, Field(ge=0, le=100_000)]
Milestones = tuple[Epochs, ...]
Betas = tuple[Share, Share]


def _make(name: str, parameters: object, learning_rate: float, **options: Any) -> "optim.Optimizer":
    from torch import optim

    return getattr(optim, name)(parameters, lr=learning_rate, **options)  # type: ignore[no-any-return]


@optimizer("adam")
def adam(
    parameters: object,
    learning_rate: float,
    /,
    betas: Betas = (0.9, 0.999),
    eps: Amount = 1e-8,
    weight_decay: Amount = 0.0,
    amsgrad: bool = False,
) -> "optim.Optimizer":
    """Adam (Kingma and Ba 2015); the published protocol's optimizer."""
    return _make("Adam", parameters, learning_rate, betas=betas, eps=eps,
                 weight_decay=weight_decay, amsgrad=amsgrad)  # fmt: skip


@optimizer("adamw")
def adamw(
    parameters: object,
    learning_rate: float,
    /,
    betas: Betas = (0.9, 0.999),
    eps: Amount = 1e-8,
    weight_decay: Amount = 0.01,
    amsgrad: bool = False,
) -> "optim.Optimizer":
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""
    return _make("AdamW", parameters, learning_rate, betas=betas, eps=eps,
                 weight_decay=weight_decay, amsgrad=amsgrad)  # fmt: skip


@optimizer("sgd")
def sgd(
    parameters: object,
    learning_rate: float,
    /,
    momentum: Share = 0.0,
    nesterov: bool = False,
    dampening: Amount = 0.0,
    weight_decay: Amount = 0.0,
) -> "optim.Optimizer":
    """Stochastic gradient descent, with momentum if asked for."""
    return _make("SGD", parameters, learning_rate, momentum=momentum, nesterov=nesterov,
                 dampening=dampening, weight_decay=weight_decay)  # fmt: skip


@optimizers.rule("sgd")
def _nesterov_needs_momentum(
    momentum: float, nesterov: bool, dampening: float, **_: object
) -> str | None:
    if nesterov and (momentum == 0 or dampening != 0):
        return "nesterov needs a momentum above 0 and no dampening"
    return None


@optimizer("rmsprop")
def rmsprop(
    parameters: object,
    learning_rate: float,
    /,
    alpha: Share = 0.99,
    eps: Amount = 1e-8,
    momentum: Share = 0.0,
    centered: bool = False,
    weight_decay: Amount = 0.0,
) -> "optim.Optimizer":
    """RMSprop (Hinton 2012)."""
    return _make("RMSprop", parameters, learning_rate, alpha=alpha, eps=eps, momentum=momentum,
                 centered=centered, weight_decay=weight_decay)  # fmt: skip


@optimizer("adagrad")
def adagrad(
    parameters: object,
    learning_rate: float,
    /,
    lr_decay: Amount = 0.0,
    eps: Amount = 1e-10,
    weight_decay: Amount = 0.0,
) -> "optim.Optimizer":
    """Adagrad (Duchi et al. 2011)."""
    return _make("Adagrad", parameters, learning_rate, lr_decay=lr_decay, eps=eps,
                 weight_decay=weight_decay)  # fmt: skip


@optimizer("adadelta")
def adadelta(
    parameters: object,
    learning_rate: float,
    /,
    rho: Share = 0.9,
    eps: Amount = 1e-6,
    weight_decay: Amount = 0.0,
) -> "optim.Optimizer":
    """Adadelta (Zeiler 2012)."""
    return _make("Adadelta", parameters, learning_rate, rho=rho, eps=eps,
                 weight_decay=weight_decay)  # fmt: skip


def _adam_like(torch_name: str, decay: float) -> Any:
    def build(
        parameters: object,
        learning_rate: float,
        /,
        betas: Betas = (0.9, 0.999),
        eps: Amount = 1e-8,
        weight_decay: Amount = decay,
    ) -> "optim.Optimizer":
        return _make(torch_name, parameters, learning_rate, betas=betas, eps=eps,
                     weight_decay=weight_decay)  # fmt: skip

    build.__doc__ = f"torch.optim.{torch_name}."
    return build


for _name, _torch_name in (("adamax", "Adamax"), ("nadam", "NAdam"), ("radam", "RAdam")):
    optimizer(_name)(_adam_like(_torch_name, 0.0))


@optimizer("muon")
def muon(
    parameters: object,
    learning_rate: float,
    /,
    momentum: Share = 0.95,
    nesterov: bool = True,
    betas: Betas = (0.9, 0.95),
    eps: Amount = 1e-8,
    weight_decay: Amount = 0.0,
) -> "optim.Optimizer":
    """Muon (Jordan et al. 2024) for filters and matrices, AdamW for biases and norms.

    The learning rate and the weight decay are those that AdamW would have (Liu et al. 2025).
    """
    from loopynet.modules.muon import Muon

    return Muon(parameters, learning_rate, momentum, nesterov, betas, eps, weight_decay)  # type: ignore[arg-type]


@optimizer("evolution")
def evolution(
    parameters: object,
    learning_rate: float,
    /,
    population: Population = 0,
    weight_decay: Amount = 0.0,
) -> "optim.Optimizer":
    """Separable CMA-ES (Ros and Hansen 2008): needs losses and no gradients.

    The learning rate is the deviation of the first population; `population` 0 is 4 + 3 log n for n
    weights. For few weights: see `training.freeze`. Needs `loopynet[evolution]`.
    """
    from loopynet.modules.evolution import Evolution

    return Evolution(parameters, learning_rate, population, weight_decay)  # type: ignore[arg-type]


@schedule("constant")
def constant(optimizer: object, epochs: int, /) -> None:
    """The learning rate as it is."""


@schedule("step")
def step(
    optimizer: Any, epochs: int, /, every: Epochs = 10, factor: Amount = 0.1
) -> "optim.lr_scheduler.LRScheduler":
    """Multiply by `factor` every so many epochs."""
    from torch.optim import lr_scheduler

    return lr_scheduler.StepLR(optimizer, every, factor)


@schedule("multi_step")
def multi_step(
    optimizer: Any, epochs: int, /, milestones: Milestones = (), factor: Amount = 0.1
) -> "optim.lr_scheduler.LRScheduler":
    """Multiply by `factor` after each of the epochs named."""
    from torch.optim import lr_scheduler

    return lr_scheduler.MultiStepLR(optimizer, list(milestones), factor)


@schedule("exponential")
def exponential(
    optimizer: Any, epochs: int, /, factor: Amount = 0.95
) -> "optim.lr_scheduler.LRScheduler":
    """Multiply by `factor` after each epoch."""
    from torch.optim import lr_scheduler

    return lr_scheduler.ExponentialLR(optimizer, factor)


@schedule("cosine")
def cosine(
    optimizer: Any, epochs: int, /, minimum: Amount = 0.0
) -> "optim.lr_scheduler.LRScheduler":
    """Half a cosine from the learning rate to the minimum (Loshchilov and Hutter 2017)."""
    from torch.optim import lr_scheduler

    return lr_scheduler.CosineAnnealingLR(optimizer, epochs, minimum)


@schedule("linear")
def linear(
    optimizer: Any, epochs: int, /, end: Annotated[float, Field(ge=0, le=1)] = 0.0
) -> "optim.lr_scheduler.LRScheduler":
    """A straight line from the learning rate to `end` times it."""
    from torch.optim import lr_scheduler

    return lr_scheduler.LinearLR(optimizer, 1.0, end, epochs)


@schedule("one_cycle")
def one_cycle(
    optimizer: Any,
    epochs: int,
    /,
    warmup: Share = 0.3,
    start: Annotated[float, Field(gt=0)] = 0.04,
    end: Annotated[float, Field(gt=0)] = 4e-6,
) -> "optim.lr_scheduler.LRScheduler":
    """Up to the learning rate and down again, in steps of an epoch (Smith and Topin 2018).

    `start` and `end` are shares of the learning rate, `warmup` the share of epochs that rise.
    """
    import math

    from torch.optim import lr_scheduler

    rise = max(round(warmup * epochs), 1)

    def factor(epoch: int) -> float:
        if epoch < rise:
            return start + (1 - start) * (1 - math.cos(math.pi * epoch / rise)) / 2
        fall = min((epoch - rise) / max(epochs - rise, 1), 1.0)
        return end + (1 - end) * (1 + math.cos(math.pi * fall)) / 2

    return lr_scheduler.LambdaLR(optimizer, factor)


@schedule("plateau")
def plateau(
    optimizer: Any, epochs: int, /, factor: Share = 0.1, patience: Epochs = 5
) -> "optim.lr_scheduler.ReduceLROnPlateau":
    """Multiply by `factor` when the validation loss has not fallen for `patience` epochs."""
    from torch.optim import lr_scheduler

    return lr_scheduler.ReduceLROnPlateau(optimizer, factor=factor, patience=patience)
