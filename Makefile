# SPDX-License-Identifier: AGPL-3.0-or-later
# A thin front for meson: `make` gives build/pg-limiter (release).
BUILD ?= build
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 600

SOAK ?= --report docs/soak.md

.PHONY: all clean install deb bench soak walk fuzz lint format report pictures
all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@meson setup $(BUILD) --buildtype=release --prefix=$(PREFIX) -Dtests=false

install: all
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

# Also SUITE=bookworm|trixie ARCH=amd64|arm64, in a bare system of its own.
deb:
	@SUITE=$(SUITE) ARCH=$(ARCH) tools/make_deb

bench: all
	@tests/bench/run $(BUILD)

# A day of 200 nodes and 20,000 users in an hour, everything failing now and then: docs/soak.md.
soak:
	@[ -e build/soak/build.ninja ] || \
	    meson setup build/soak --buildtype=release -Dtests=false -Dtest_clock=true >/dev/null
	@ninja -C build/soak
	@PYTHONPATH=tests/torture PG_LIMITER=build/soak/pg-limiter .venv/bin/python -m soak $(SOAK)

# Every button of the bot in four languages, as owner, operator and viewer: docs/walk.md. Three walks at a time;
# WALK="-n0 -s" has them one by one, telling how far they are.
walk:
	@scripts/test build
	@rm -rf build/walk
	@PG_LONG=1 .venv/bin/python -m pytest tests/e2e/test_bot_walk.py -n3 -rA $(WALK)
	@.venv/bin/python tests/e2e/walk_report.py >docs/walk.md

fuzz:
	@tests/fuzz/run $(FUZZ_SECONDS)

# docs/verdicts.md from 1000 seeds of each labelled trace; builds into build/report.
report:
	@tools/verdict_report

# docs/pictures from a panel, a daemon and a Telegram that are played; the program in build/.
pictures: all
	@PG_LIMITER=$(abspath $(BUILD)/pg-limiter) .venv/bin/python tests/e2e/pictures.py

lint:
	@tools/lint

format:
	@tools/format

# The data in build/geo was brought by scripts/setup, and stays.
clean:
	@[ ! -d $(BUILD) ] || find $(BUILD) -mindepth 1 -maxdepth 1 ! -name geo -exec rm -rf {} +
