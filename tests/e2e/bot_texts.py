"""The table of texts (src/service/texts/*.def) as tests see it, and what is untranslated in a message."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LANGUAGES = ("en", "fa", "ru", "zh")
OWN_NAMES = ("فارسی", "Русский", "中文", "English")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")  # as LOG_LEVEL and every line of a log have them
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_LATIN = re.compile(r"[A-Za-z][A-Za-z'’-]*")
_COMMAND = re.compile(r"/\w+|\bid:\d+|\btelegram:\d+|https?://\S+")
# Below these an operation's own words stand, which are English.
_DETAIL = re.compile("^(?:❗️|⚠️|🚫)[^\n]*\n((?:[^\n]+\n?)+)", re.M)
_ISOLATED = re.compile("[\u2066-\u2068][^\u2069]*\u2069")
_SCRIPTS = {"fa": re.compile("[\u0600-\u06ff]"), "ru": re.compile("[\u0400-\u04ff]"),
            "zh": re.compile("[\u4e00-\u9fff]")}


def _entries(text):
    """(id, [columns]) of every TEXT(...) in a .def file; adjacent strings are one."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    at = 0
    while (found := re.compile(r"\bTEXT\(\s*(\w+)\s*,").search(text, at)):
        columns, at, current = [], found.end(), ""
        while True:
            string = re.compile(r"\s*" + _STRING.pattern).match(text, at)
            if string:
                current += string.group(1)
                at = string.end()
                continue
            mark = re.compile(r"\s*([,)])").match(text, at)
            assert mark, f"{found.group(1)}: cannot read {text[at:at + 40]!r}"
            columns.append(re.sub(r'\\(["\\])', r"\1", current.replace("\\n", "\n")))
            current, at = "", mark.end()
            if mark.group(1) == ")":
                break
        yield found.group(1), columns


def table():
    """id → {language: text}."""
    out = {}
    for path in sorted((ROOT / "src" / "service" / "texts").glob("*.def")):
        for name, columns in _entries(path.read_text("utf-8")):
            assert len(columns) == len(LANGUAGES), (path.name, name, len(columns))
            out[name] = dict(zip(LANGUAGES, columns, strict=True))
    return out


class Foreign:
    """Finds what is not in a language: `words(text)` are the Latin words that the table's texts of the
    language do not use, and that are no names of data (`names`: words allowed everywhere)."""

    def __init__(self, language, names=()):
        self.language = language
        texts = table()
        self.own = {w.lower() for t in texts.values() for w in _LATIN.findall(t[language])}
        self.plain = sorted({str(n) for n in (*names, *OWN_NAMES)}, key=len, reverse=True)
        self.names = {w.lower() for name in (*names, *LOG_LEVELS) for w in _LATIN.findall(str(name))}

    def words(self, text):
        if self.language == "en":
            for name in self.plain:
                text = text.replace(name, " ")
            return sorted({c for c in text if any(s.match(c) for s in _SCRIPTS.values())})
        plain = _COMMAND.sub(" ", _ISOLATED.sub(" ", _DETAIL.sub(" ", text)))
        found = {w for w in _LATIN.findall(plain) if 2 < len(w) < 24}
        return sorted(w for w in found if w.lower() not in self.own | self.names)

    @staticmethod
    def details(text):
        """What operations say below a line of ours."""
        return [d for found in _DETAIL.findall(text) for d in found.split("\n") if d]


def errors(language):
    """A pattern of what is said when something could not be done."""
    found = [t[language] for name, t in table().items() if name.startswith("ERR_")]
    heads = {re.escape(re.sub(r"<[^>]*>", "", t).split("{")[0].split("\n")[0].strip()) for t in found}
    return re.compile("|".join(sorted((h for h in heads if len(h) > 4), key=len, reverse=True)))
