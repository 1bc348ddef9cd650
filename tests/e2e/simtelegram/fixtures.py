"""pytest fixtures. In a conftest.py: `from simtelegram.fixtures import telegram`."""

import contextlib

import pytest

from .server import in_thread


@pytest.fixture
def telegrams():
    """A factory of Telegrams that end with the test: telegrams(limits=None)."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(in_thread(**options))


@pytest.fixture
def telegram(telegrams):
    """A Telegram. The test fails if the bot made a call that was refused, unless it was expected."""
    made = telegrams()
    yield made
    if not made.lenient:
        assert not made.refused, "refused calls:\n" + "\n".join(map(repr, made.refused))
