"""Makes `simpanel` and `simtelegram` importable for every end-to-end test, and their fixtures known."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from bot_stage import stage  # noqa: E402,F401
from daemon_fixtures import daemon, lab  # noqa: E402,F401
from parallel import (  # noqa: E402,F401
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_xdist_make_scheduler,
)
from simpanel.fixtures import lab4, lab5, panel  # noqa: E402,F401
from simtelegram.fixtures import telegram, telegrams  # noqa: E402,F401
