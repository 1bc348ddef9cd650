"""Every scene of the daemon, side by side; see scenes.py. The longest come first."""

import scenes_punish  # noqa: F401, I001
import scenes_orders  # noqa: F401
import scenes_store  # noqa: F401
import scenes_policy  # noqa: F401
import scenes_online  # noqa: F401
import scenes_online_load  # noqa: F401
import scenes_limits  # noqa: F401
import scenes_streams  # noqa: F401
import scenes_settings  # noqa: F401
import scenes_login  # noqa: F401
from scenes import SCENES

outcomes = SCENES.fixture()
test_scene = SCENES.test()
