"""How pytest-xdist shares out these tests (-n): a test at a time, or a file where tests share a fixture.

Most of a test is waiting, so more workers than processors pay. What takes longest begins first, or the
end would wait for it alone. A test marked `alone` measures time or memory so closely that a busy machine
fails it: tools/run_tests.py runs those afterwards, one by one.
"""

import os
import pathlib
import time

import pytest

try:
    from xdist.scheduler import LoadScopeScheduling
except ImportError:  # without -n nothing of this is needed
    LoadScopeScheduling = object

HERE = pathlib.Path(__file__).resolve().parent
# Longest first; what is not here comes after. Only speed depends on this list.
FIRST = (
    "test_installer.py", "test_openapi.py", "test_daemon_scenes.py", "test_bot_walk.py", "test_soak.py", "test_group_restore.py",
    "test_every_setting_changed_in_the_bot", "test_daemon_story.py", "test_bot_coverage.py", "test_notices.py", "test_doctor.py",
    "test_daemon_restart.py", "test_the_clock_is_set", "test_the_token_is_revoked", "test_settings_are_what",
    "test_one_panel_admins_users", "test_words_where_a_number", "test_the_old_readme_pasted",
)
_together = {}


def keeps_together(file):
    """Whether a test file has a fixture for all its tests, that is, begins once what they look at, or is
    marked `together`, because its tests would see one another."""
    if file not in _together:
        text = (HERE / file).read_text()
        _together[file] = 'scope="module"' in text or "SCENES.fixture()" in text or "mark.together" in text
    return _together[file]


def unit_of(nodeid):
    """What one worker gets as a whole."""
    file = nodeid.partition("::")[0]
    return file if keeps_together(pathlib.Path(file).name) else nodeid


class Units(LoadScopeScheduling):
    def _split_scope(self, nodeid):
        return unit_of(nodeid)


def pytest_configure(config):
    # What changes daily is the same for all workers, also at midnight: they inherit it.
    os.environ.setdefault("PG_DAY", str(int(time.time() // 86400)))
    config.addinivalue_line("markers", "alone: fails on a machine that is busy; never beside other tests")
    config.addinivalue_line("markers", "together: of a file whose tests may not run beside one another")


def pytest_collection_modifyitems(items):
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return

    def rank(item):
        for i, name in enumerate(FIRST):
            if name in item.nodeid:
                return i
        return len(FIRST)

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    if config.getoption("dist") != "load":  # somebody wants it otherwise
        return None
    config.option.loadscopereorder = False
    return Units(config, log)
