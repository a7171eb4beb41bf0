"""Training recipes: values for the keys of `training` under one name.

What a network file says itself comes before what its recipe says. The values that a run was trained
with stand in its config, so that a later version's recipe does not change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loopynet.parts.registry import Registry


@dataclass(frozen=True)
class Recipe:
    """Values for keys of the training section.

    Attributes:
        doc: what it is, for the documentation.
        values: by key, as a YAML file has them.
    """

    doc: str
    values: Mapping[str, Any]


recipes: Registry[Recipe] = Registry("recipe", "loopynet.recipes")

recipes.register("published")(
    Recipe(
        "The training of the 2016 paper; the defaults, by name.",
        {
            "optimizer": "adam", "learning_rate": 1e-3, "learning_rate_schedule": "constant",
            "batch_size": 32, "epochs": 24,
        },
    )
)  # fmt: skip
recipes.register("modern")(
    Recipe(
        "What makes small networks of images learn fast: Nesterov momentum, one cycle of the "
        "learning rate that changes at every step, decay of weights but not of norms and biases, "
        "label smoothing, a clipped gradient.",
        {
            "optimizer": {"type": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
            "learning_rate": 0.2,
            "learning_rate_schedule": {"type": "one_cycle", "warmup": 0.2},
            "schedule_every": "step",
            "decay": "weights",
            "label_smoothing": 0.1,
            "gradient_clip_norm": 5.0,
            "batch_size": 128,
            "epochs": 50,
        },
    )
)
