"""A network that trains on digits in about a second."""

from loopynet import NetworkSpec, load_spec


def small_spec(*changes: str) -> NetworkSpec:
    return load_spec(
        "digits-loopy",
        ("training.epochs=3", "layers.conv_2.filters=8",
         "layers.conv_1.filters=8", "layers.conv_3.filters=8", *changes),
    )  # fmt: skip
