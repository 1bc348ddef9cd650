# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads our Dockerfile and .dockerignore: of their formats only what these two use; all else is an error.

The formats: Dockerfile reference and "dockerignore" of Docker's documentation.
"""

import fnmatch
import json
import re
import shlex

WORDS = {"FROM", "ARG", "RUN", "COPY", "ENV", "WORKDIR", "LABEL", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


class Stage:
    """FROM … up to the next one. steps: (instruction, text) of what changes files, in order."""

    def __init__(self, base, name, platform):
        self.base = base
        self.name = name
        self.platform = platform  # None: what the image is for
        self.args = []
        self.steps = []
        self.config = {"Env": {}, "Labels": {}, "User": "", "WorkingDir": "/", "ExposedPorts": [],
                       "Entrypoint": [], "Cmd": [], "Healthcheck": None}


def logical_lines(text):
    """Instructions with their continuations joined; comments between the lines of one are dropped."""
    whole = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or not line.strip():
            continue
        whole += line
        if whole.endswith("\\"):
            whole = whole[:-1]
            continue
        yield number, whole.strip()
        whole = ""
    if whole:
        raise ValueError("the last line is continued")


def exec_form(text):
    words = json.loads(text)
    if not words or not all(isinstance(w, str) for w in words):
        raise ValueError(f"not a list of words: {text}")
    return words


def seconds(text):
    if not re.fullmatch(r"[0-9]+s", text):
        raise ValueError(f"not in seconds: {text}")
    return int(text[:-1])


def health(text):
    options, _, command = text.partition("CMD ")
    found = dict(re.findall(r"--(interval|timeout|start-period|retries)=(\S+)", options))
    if re.sub(r"--[a-z-]+=\S+", "", options).strip():
        raise ValueError(f"HEALTHCHECK {options}")
    return {"Test": ["CMD", *exec_form(command)], "Interval": seconds(found["interval"]),
            "Timeout": seconds(found["timeout"]), "StartPeriod": seconds(found["start-period"]),
            "Retries": int(found["retries"])}


def apply(stage, word, text):
    config = stage.config
    if word == "ARG":
        stage.args.append(text)
    elif word in ("RUN", "COPY"):
        stage.steps.append((word, text))
    elif word == "WORKDIR":
        config["WorkingDir"] = text
        stage.steps.append((word, text))
    elif word in ("ENV", "LABEL"):
        pairs = [pair.split("=", 1) for pair in shlex.split(text)]
        config["Env" if word == "ENV" else "Labels"].update(pairs)
    elif word == "USER":
        config["User"] = text
    elif word == "EXPOSE":
        config["ExposedPorts"].append(int(text))
    elif word == "HEALTHCHECK":
        config["Healthcheck"] = health(text)
    elif word == "ENTRYPOINT":
        config["Entrypoint"] = exec_form(text)
    elif word == "CMD":
        config["Cmd"] = exec_form(text)


def parse(text):
    """The stages. ValueError for what this does not know."""
    stages = []
    for number, line in logical_lines(text):
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if word not in WORDS:
            raise ValueError(f"line {number}: {word} is not known here")
        if word == "FROM":
            found = re.fullmatch(r"(?:--platform=(\S+) )?(\S+)(?: AS (\S+))?", rest)
            if not found:
                raise ValueError(f"line {number}: FROM {rest}")
            stages.append(Stage(found.group(2), found.group(3), found.group(1)))
        else:
            apply(stages[-1], word, rest)
    return stages


def copy_words(text):
    """(stage or None, sources, target) of a COPY."""
    words = text.split()
    source = None
    if words[0].startswith("--from="):
        source = words.pop(0)[len("--from="):]
    if any(w.startswith("--") for w in words) or len(words) < 2:
        raise ValueError(f"COPY {text}")
    return source, words[:-1], words[-1]


class Ignore:
    """Which files of the context are sent."""

    def __init__(self, text):
        self.rules = []
        for line in text.splitlines():
            line = line.strip()
            if line and not line.startswith("#"):
                self.rules.append((not line.startswith("!"), line.lstrip("!")))

    @staticmethod
    def matches(pattern, path):
        parts = path.split("/")
        if pattern.startswith("**/"):
            return any(fnmatch.fnmatchcase(part, pattern[3:]) for part in parts)
        want = pattern.split("/")
        return len(parts) >= len(want) and all(fnmatch.fnmatchcase(p, w) for p, w in zip(parts, want))

    def sends(self, path):
        """path is that of a file, from the context on; a rule that fits a folder fits all in it, the last rule wins."""
        ignored = False
        for is_out, pattern in self.rules:
            if self.matches(pattern, path):
                ignored = is_out
        return not ignored
