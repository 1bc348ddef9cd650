"""Dockerfile, .dockerignore and docker-compose.yml, read without Docker and held against the product."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import dockerfile  # noqa: E402

yaml = pytest.importorskip("yaml")

BUILD, IMAGE = dockerfile.parse((ROOT / "Dockerfile").read_text())
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
LIMITER, REDIS = COMPOSE["services"]["limiter"], COMPOSE["services"]["cache"]


def source(path):
    return (ROOT / path).read_text()


def runs(stage):
    return "\n".join(text for word, text in stage.steps if word == "RUN")


def settings():
    """Upper-case name of each setting and its row in the table."""
    rows = re.findall(r"ROW\(([A-Z0-9_]+), \"[a-z0-9_]+\",(.*?)\)[,;]?\n(?=\s*(?:ROW|//|/\*|\}|\[))",
                      source("src/service/settings/settings_table.c"), re.DOTALL)
    assert len(rows) > 50
    return dict(rows)


def test_the_image_is_not_root_and_stands_on_debian_12():
    assert (BUILD.base, BUILD.platform, BUILD.name) == ("debian:12-slim", "$BUILDPLATFORM", "build")
    assert (IMAGE.base, IMAGE.platform) == ("debian:12-slim", None)
    assert not any(word == "RUN" and "gcc" in text for word, text in IMAGE.steps), "nothing is compiled in emulation"
    uid, gid = IMAGE.config["User"].split(":")
    assert f"groupadd --gid {gid} pg-limiter" in runs(IMAGE)
    assert re.search(rf"useradd --uid {uid} --gid {gid} .*pg-limiter", runs(IMAGE))
    assert f"user {uid} of the image" in COMPOSE_TEXT
    assert int(uid) > 0


def test_places_are_those_of_the_program():
    env_path = re.search(r'"(/etc/opt/[^"]*)/\.env"', source("src/service/settings/env.c")).group(1)
    data_dir = re.search(r'"(/var/lib/[^"]*)"', settings()["DATA_DIR"]).group(1)
    assert LIMITER["volumes"] == [f"{env_path}:{env_path}:ro", f"{data_dir}:{data_dir}"]
    for path in (env_path, data_dir):
        assert re.search(rf"install -d [^&]*{path}(\s|$)", runs(IMAGE)), path


def test_ports_and_settings_are_those_of_the_table():
    port = int(re.search(r'"(\d+)", NULL', settings()["API_PORT"]).group(1))
    assert IMAGE.config["ExposedPorts"] == [port]
    assert LIMITER["ports"] == [f"127.0.0.1:{port}:{port}"], "the API is for this machine unless somebody says so"
    for name in list(LIMITER["environment"]) + list(IMAGE.config["Env"]):
        assert name in settings(), name
    assert LIMITER["environment"]["REDIS_URL"] == "redis://cache:6379/0"


def test_commands_are_those_of_the_program():
    config = IMAGE.config
    commands = set(re.findall(r'^    \{"([a-z -]+)",', source("src/cli/frame/commands.c"), re.MULTILINE))
    assert config["Entrypoint"] == ["pg-limiter"] and config["Cmd"] == ["run"]
    assert config["Healthcheck"]["Test"] == ["CMD", "pg-limiter", "health"]
    assert {"run", "health"} <= commands
    answers = int(re.search(r"HEALTH_SECONDS = (\d+)", source("src/cli/commands/cmd_state.c")).group(1))
    assert answers < config["Healthcheck"]["Timeout"], "it says itself what is wrong before it is killed"


def test_packages_are_those_of_the_debian_package():
    control = source("packaging/debian/control")
    needed = set(re.findall(r"^\s+(lib[a-z0-9.-]+-dev)\b", control, re.MULTILINE))
    assert set(re.findall(r'"(lib[a-z0-9.-]+-dev):\$TARGETARCH"', runs(BUILD))) - {"libc6-dev"} == needed
    for name in ("ca-certificates", "tzdata"):
        assert re.search(rf"^Depends: .*\b{name}\b", control, re.MULTILINE) and name in runs(IMAGE).split()


@pytest.mark.skipif(not (ROOT / "build" / "test" / "pg-limiter").exists() or not shutil.which("dpkg-query"),
                    reason="not built")
def test_the_image_has_every_library_of_the_program():
    text = subprocess.run(["readelf", "-d", str(ROOT / "build" / "test" / "pg-limiter")], capture_output=True,
                          text=True, check=True).stdout
    wanted = set()
    for name in re.findall(r"\(NEEDED\).*\[(.*)\]", text):
        if re.match(r"lib(c|m|asan|ubsan|lsan|pthread)\.so|ld-linux", name):
            continue
        done = subprocess.run(["dpkg-query", "-S", f"*/{name}"], capture_output=True, text=True)
        wanted.add(done.stdout.split(":", 1)[0])
    installed = {word for word in runs(IMAGE).split() if re.match(r"lib[a-z0-9.+-]+$", word)}
    assert installed == wanted


def test_only_sources_are_sent_to_the_builder():
    ignore = dockerfile.Ignore(source(".dockerignore"))
    assert ignore.sends("src/app/main.c") and ignore.sends("meson.build") and ignore.sends("build/geo/country.mmdb")
    for path in (".env", "src/.env", "build/pg-limiter", ".git/config", "tests/e2e/daemon.py", "release.pem",
                 "docker-compose.yml", "tools/__pycache__/embed.pyc", "build/geo/.brought"):
        assert not ignore.sends(path), path
    # What meson reads is there: a folder or file that a build file names and that is not sent stops the build.
    for build_file in ["meson.build", *(str(p.relative_to(ROOT)) for p in (ROOT / "src").rglob("meson.build"))]:
        for name in re.findall(r"'((?:tools|packaging|tests/bench)/[^']+)'", source(build_file)):
            assert ignore.sends(name), (build_file, name)


def test_the_container_may_do_nothing_but_its_work():
    for service in (LIMITER, REDIS):
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and "cap_add" not in service
        assert service["security_opt"] == ["no-new-privileges:true"] and not service.get("privileged")
        assert service["restart"] == "always", "a limiter that is gone leaves users disabled"
        assert service["logging"]["options"]["max-size"]
    assert [t.split(":")[0] for t in LIMITER["tmpfs"]] == ["/tmp"]


def test_redis_is_closed_and_bounded():
    assert "ports" not in REDIS and REDIS["networks"] == ["cache"] and COMPOSE["networks"]["cache"]["internal"] is True
    words = REDIS["command"]
    told = dict(zip(words[1::2], words[2::2]))
    assert told == {"--appendonly": "yes", "--save": "", "--maxmemory": "128mb", "--maxmemory-policy": "allkeys-lru"}
    assert REDIS["volumes"] == ["redis:/data"] and "redis" in COMPOSE["volumes"]


def test_the_manager_knows_the_file_and_the_python_program_is_left_alone():
    mark, name = (re.search(rf'SERVICE_{word} "(.*)"', source("src/cli/machine/service.h")).group(1)
                  for word in ("MARK", "COMPOSE"))
    assert f"\n{mark}\n" in COMPOSE_TEXT and COMPOSE["services"][name] is LIMITER
    # Those of its compose file, in a project that is called alike after the folder.
    assert not {"pg-limiter", "redis"} & set(COMPOSE["services"]) and "container_name" not in LIMITER
    assert LIMITER["pull_policy"] == "never" and "build" not in LIMITER
    # Not known to Compose 1.29, which is what Debian 12 has.
    assert "name" not in COMPOSE and "create_host_path" not in COMPOSE_TEXT


def test_the_installer_speaks_of_the_same_service():
    script = ROOT / "pg-limiter.sh"
    if not script.exists():
        pytest.skip("no installer")
    called = re.findall(r"compose (?:exec|run)(?: -\S+| \S*\[@\]\S*| --\S+)* ([a-z-]+) ", script.read_text())
    called += re.findall(r"force-recreate ([a-z-]+)", script.read_text())
    assert set(called) <= set(COMPOSE["services"]), called


def test_the_reader_refuses_what_it_does_not_know():
    for text in ("FROM a\nADD x y\n", "FROM a\nRUN x \\\n", "FROM a b c\n", "FROM a\nHEALTHCHECK NONE\n"):
        with pytest.raises((ValueError, KeyError)):
            dockerfile.parse(text)
    stages = dockerfile.parse("FROM a AS x\nRUN one \\\n# why\n  && two\nFROM b\nCOPY --from=x /out/ /\n")
    assert stages[0].steps == [("RUN", "one   && two")]
    assert dockerfile.copy_words(stages[1].steps[0][1]) == ("x", ["/out/"], "/")
