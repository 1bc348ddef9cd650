"""pytest fixtures around the real daemon: `daemon` and `lab`."""

import contextlib

import pytest
from daemon import Daemon, settings_for
from simpanel import as_process


@pytest.fixture
def daemon():
    """A factory of daemons on fresh data directories, checked at the end: daemon(sim, KEY=value)."""
    with contextlib.ExitStack() as stack:
        def make(sim=None, /, start=True, **settings):
            d = Daemon(settings_for(sim, **settings) if sim else settings)
            stack.callback(d.close)
            return d.start() if start else d
        yield make


@pytest.fixture
def lab():
    """A factory of simulated panels in processes of their own: lab("--nodes", 3)."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(as_process(*arguments))
