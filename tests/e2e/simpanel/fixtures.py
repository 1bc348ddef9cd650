"""pytest fixtures. In a conftest.py: `from simpanel.fixtures import lab4, lab5, panel`."""

import pytest

from .client import in_thread


@pytest.fixture
def panel():
    """A factory of panels that end with the test: `panel(users=3, nodes=2, version=4)` → Sim."""
    import contextlib
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(in_thread(**options))


@pytest.fixture
def lab5():
    """The laboratory of the recordings under panel 5, over plain http."""
    with in_thread(lab=True, tls=False) as sim:
        yield sim


@pytest.fixture
def lab4():
    """The laboratory of the recordings under panel 4, over plain http."""
    with in_thread(lab=True, tls=False, version=4) as sim:
        yield sim
