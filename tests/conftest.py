"""What holds for all tests."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Where nobody watches, the same examples every time; a developer's runs look for new ones.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread: the networks here are small, and waiting threads slow each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
