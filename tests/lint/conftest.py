# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes the checks of tools/ importable and gives each test a small source tree of its own."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

SPDX = "/* SPDX-License-Identifier: AGPL-3.0-or-later */\n"


class Tree:
    """A source tree under construction."""

    def __init__(self, root: Path):
        self.root = root

    def add(self, path: str, body: str, spdx: bool = True) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((SPDX if spdx else "") + body, encoding="utf-8")
        return file


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)
