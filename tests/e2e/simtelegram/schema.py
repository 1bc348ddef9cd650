"""The description of the Bot API (data/bot-api.json), and the check of values against it."""

import json
import pathlib

_DATA = json.loads((pathlib.Path(__file__).parent / "data" / "bot-api.json").read_text("utf-8"))
VERSION = _DATA["version"]
METHODS = _DATA["methods"]
TYPES = _DATA["types"]
BY_LOWER = {name.lower(): name for name in METHODS}
SCALARS = {"Integer", "String", "Boolean", "True", "Float", "Integer or String"}


def _scalar(kind, value):
    if kind == "Integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "Float":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "Boolean":
        return isinstance(value, bool)
    if kind == "True":
        return value is True
    return isinstance(value, str)


def problems(kind, value, where):
    """What is wrong with a JSON value that should be of a type, as `where: text`; [] when nothing."""
    if kind.startswith("Array of "):
        if not isinstance(value, list):
            return [f"{where}: {kind} expected"]
        inner = kind[len("Array of "):]
        return [p for i, one in enumerate(value) for p in problems(inner, one, f"{where}[{i}]")]
    if kind in SCALARS:
        return [] if _scalar(kind, value) else [f"{where}: {kind} expected"]
    known = TYPES.get(kind)
    if known is None:
        return [f"{where}: unknown type {kind}"]
    if "any" in known:
        return any_problems(known["any"], value, where)
    if kind == "InputFile":
        return [] if isinstance(value, str) else [f"{where}: file expected"]
    if not isinstance(value, dict):
        return [f"{where}: {kind} expected"]
    return fields_problems(known["fields"], value, where + ".")


def any_problems(kinds, value, where):
    best = None
    for kind in kinds:
        found = problems(kind, value, where)
        if not found:
            return []
        if best is None or len(found) < len(best):
            best = found
    return best or [f"{where}: one of {', '.join(kinds)} expected"]


def fields_problems(fields, value, prefix):
    found = []
    for name, (required, *kinds) in fields.items():
        if name in value:
            found += any_problems(kinds, value[name], prefix + name)
        elif required:
            found.append(f"{prefix}{name}: missing")
    found += [f"{prefix}{name}: no such field" for name in value if name not in fields]
    return found


def is_object(kinds):
    """Whether a field holds JSON, which a form sends as text."""
    return any(kind not in SCALARS and kind != "InputFile" for kind in kinds)


def read_scalar(kinds, text):
    """A form's text as the field's type, as well as it can be."""
    if "Integer" in kinds:
        try:
            return int(text)
        except ValueError:
            return text
    if "Float" in kinds:
        try:
            return float(text)
        except ValueError:
            return text
    if "Boolean" in kinds or "True" in kinds:
        if text.lower() in ("true", "yes", "1"):
            return True
        return False if text.lower() in ("false", "no", "0", "") else text
    return text


def read_params(method, raw, files):
    """Values of a call by their types, and complaints. `raw`: name → text (form) or JSON value.

    A field sent as text is read by its type, since forms know nothing else; in JSON an integer may
    stand in a text too, as Telegram has it. What cannot be read stays as it came, with a complaint.
    """
    fields = METHODS[method]["fields"]
    values, complaints = {}, []
    for name, value in raw.items():
        if value is None:
            continue
        if name not in fields:
            complaints.append(f"{name}: no such field")
            continue
        kinds = fields[name][1:]
        if isinstance(value, str):
            if is_object(kinds) and "String" not in kinds:
                try:
                    value = json.loads(value)
                except ValueError:
                    complaints.append(f"{name}: no JSON")
            else:
                value = read_scalar(kinds, value)
        if not (isinstance(value, str) and "InputFile" in kinds):
            complaints += any_problems(kinds, value, name)
        values[name] = value
    for name in files:
        if name in fields and "InputFile" in fields[name]:
            values[name] = files[name]
    complaints += [f"{name}: missing" for name, (required, *_) in fields.items()
                   if required and name not in values]
    return values, complaints
