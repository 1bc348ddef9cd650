"""The pure parts of the demonstration: what it shows, and above all what it takes for right."""

import dataclasses
import io
import itertools
import json
import pathlib
from collections import Counter
from types import SimpleNamespace

import pytest

from demo import cast, daemon, facts, screen, summary
from simpanel.traffic import merged

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINE = "2026-11-23 22:35:31.105 WARNING verdict  reza: 3 devices in use at once, limit 2"


# -- screen ----------------------------------------------------------------------------------------

def test_times_are_cut_not_rounded():
    assert [screen.clock(s) for s in (-1, 0, 59.99, 60, 725)] == [
        "00:00", "00:00", "00:59", "01:00", "12:05"]
    assert [screen.span(s) for s in (0.0141, 1.25, 12.4)] == ["14 ms", "1.2 s", "12 s"]


def test_a_log_line_is_taken_apart_and_anything_else_kept_as_it_is():
    found = screen.parse_log(LINE)
    assert (found.time, found.level, found.area) == ("22:35:31.105", "WARNING", "verdict")
    assert found.text.startswith("reza: 3")
    odd = screen.parse_log("==12==ERROR: AddressSanitizer: heap-use-after-free")
    assert odd.level is None and odd.text.startswith("==12==ERROR")


def shown(colour, act):
    out = io.StringIO()
    act(screen.Screen(out, colour))
    return out.getvalue()


@pytest.mark.parametrize("act", [
    lambda s: s.log(LINE + " and more" * 30), lambda s: s.caption(35, "ali leaves " * 30),
    lambda s: s.verdict(False, "something " * 30), lambda s: s.title("A title"),
    lambda s: s.text("words " * 60, 2), lambda s: s.command("pg-limiter status", "fine"),
    lambda s: s.table(["User", ">Limit", "Text"], [["ali", 1, "x" * 200]], "asked")])
def test_nothing_is_wider_than_the_screen_and_plain_means_plain(act):
    plain = shown(False, act)
    assert "\033" not in plain and max(map(len, plain.splitlines())) <= screen.WIDTH
    assert "\033[" in shown(True, act) or "words" in plain


def test_folding_a_log_line_loses_no_word():
    text = " ".join(f"word{i}" for i in range(60))
    plain = shown(False, lambda s: s.log("2026-11-23 22:35:31.105 INFO    panel    " + text))
    assert plain.split() == ["22:35:31.105", "INFO", "panel", *text.split()]


def test_colour_only_where_it_is_wanted():
    tty, file = SimpleNamespace(isatty=lambda: True), SimpleNamespace(isatty=lambda: False)
    assert screen.wants_colour(tty, {"TERM": "xterm"})
    assert not screen.wants_colour(file, {"TERM": "xterm"})
    assert not screen.wants_colour(tty, {"NO_COLOR": "1"})
    assert not screen.wants_colour(tty, {"TERM": "dumb"})


# -- cast ------------------------------------------------------------------------------------------

def test_every_node_is_silent_for_two_seconds_after_its_first_line():
    first = {event["node"] for event in cast.hello()}
    began = {}
    for when, _, event in merged(cast.actors(), 30):
        began.setdefault(event["node"], when)
    assert first == set(began) == {1, 2, 3, 4} and min(began.values()) > 2.2


def test_the_cast_is_what_the_captions_say():
    nodes, addresses, people = {}, {}, Counter()
    for actor in cast.actors():
        people[actor.user] += 1
        for _, event in actor.events(cast.CURTAIN):
            nodes.setdefault(actor.user, set()).add(event["node"])
            addresses.setdefault(actor.user, set()).add(event["ip"])
    assert set(people) == {*cast.CAST, *cast.OTHERS}
    assert people[cast.REZA] == cast.PEOPLE and len(nodes[cast.REZA]) == 3
    assert all(cast.DROPPED not in nodes[name] for name in cast.CAST)
    assert any(cast.DROPPED in nodes[name] for name in cast.OTHERS)
    assert len(addresses[cast.ALI]) == 2
    assert len(addresses[cast.FAMILY]) == cast.LIMITS[cast.FAMILY]
    assert len(addresses[cast.TESTER]) > 20


# -- daemon ----------------------------------------------------------------------------------------

def test_the_shortened_settings_exist_and_are_times():
    table = (ROOT / "src" / "service" / "settings" / "settings_table.c").read_text()
    for key in daemon.SHORTENED:
        row = table[table.index(f'"{key.lower()}"'):][:120]
        assert '"s",' in row, key


# -- facts -----------------------------------------------------------------------------------------

def answer(state, since=None, warned=False, devices=1, **more):
    return {"live": {"state": state, "since": since, "warned": warned, "active_devices": devices,
                     **more}}


def test_a_case_is_followed_from_reading_to_reading():
    case = facts.Case("x")
    case.update(answer("clear", devices=2), 10)
    case.update(answer("monitoring", "1970-01-01T00:00:11Z", devices=5), 12)
    case.update(answer("monitoring", "1970-01-01T00:00:11Z", warned=True), 13)
    case.update(answer("punished", "1970-01-01T00:00:20Z",
                       disabled={"until": "1970-01-01T00:00:32Z"}), 21)
    case.update(answer("clear"), 33)
    case.update(answer("monitoring", "1970-01-01T00:00:40Z"), 41)
    case.update(answer("clear"), 60)
    assert case.watched == [11, 40] and case.acquitted == [60] and case.disabled == [20]
    assert case.warned and case.due == 32 and case.most == 5 and case.state == "clear"


def put(user, disabled, at, status=200):
    return {"method": "PUT", "path": f"/api/user/by-id/{user}/disabled", "status": status,
            "body": json.dumps({"disabled": disabled}), "wall": at}


def get(path):
    return {"method": "GET", "path": path, "status": 200, "body": "", "wall": 0}


def test_changes_and_calls_of_a_journal():
    journal = [get("/api/users"), get("/api/user/by-id/7"), put(7, True, 5.0),
               put(7, False, 9.0, 500), {**put(7, True, 1), "path": "/api/user/by-id/7"}]
    found, other = facts.changes(journal)
    assert [(c.user, c.disabled, c.good, c.at) for c in found] == [
        (7, True, True, 5.0), (7, False, False, 9.0)]
    assert other == ["PUT /api/user/by-id/7"]
    assert facts.calls(journal)["PUT /api/user/by-id/{id}/disabled"] == 2


def evidence(number, linked, excused=()):
    pairs = [{"a": a, "b": b, "score": 7.5 if (a, b) in linked else 2.0,
              "excused": (a, b) in excused}
             for a, b in itertools.combinations(range(number), 2)]
    return {"devices": [{}] * number, "pairs": pairs, "settings": {"evidence_threshold": 7}}


def test_the_devices_proven_against_each_other():
    assert facts.at_once(evidence(5, {(0, 1), (1, 3), (0, 3), (2, 4)})) == [0, 1, 3]
    assert facts.at_once(evidence(3, {(0, 1), (1, 2), (0, 2)}, {(0, 2)})) == [0, 1]
    assert facts.at_once(evidence(2, set())) == [0]


def test_the_matrix_shows_every_pair_once():
    lines = summary.pair_matrix(evidence(4, {(0, 1)}))
    assert "".join(lines).count("2.0") == 5 and "".join(lines).count("7.5*") == 1


REZA_ID = 1
NAMES = (*cast.CAST, *cast.OTHERS)


def good_play():
    """Facts of a play in which everything went well."""
    cases = {name: facts.Case(name, state="clear", most=1) for name in NAMES}
    cases[cast.REZA] = facts.Case(cast.REZA, "clear", [100.0], [], [171.0], True, 183.0, 5)
    cases[cast.ALI] = facts.Case(cast.ALI, "clear", [114.0], [140.0], most=2)
    cases[cast.FAMILY].most = 4
    cases[cast.TESTER].most = 9
    stage = SimpleNamespace(refused=Counter({cast.REZA: 50}), away=Counter({"user03": 5}),
                            accepted=Counter(dict.fromkeys(NAMES, 10)),
                            addresses={cast.TESTER: set(range(40))}, refusals={},
                            on_node=Counter({1: 30, cast.DROPPED: 20}))
    return facts.Facts(
        began=90.0, ids={name: i for i, name in enumerate(NAMES, REZA_ID)}, cases=cases,
        journal=[get("/api/users"), put(REZA_ID, True, 171.05), put(REZA_ID, False, 183.01)],
        verdicts=[{"user_id": REZA_ID, "name": cast.REZA, "at": 171_000, "outcome": "applied"}],
        events=[{"kind": "warning", "user_id": REZA_ID, "name": cast.REZA, "at": 130_000}],
        reza={}, reza_on_panel="active",
        node_states=[(90, "connected"), (130, "error"), (145, "connected")], node_lines=(10, 20),
        nodes=[{"id": 1, "counted": 30}, {"id": cast.DROPPED, "counted": 19}], status={},
        stage=stage, errors=[], exit_code=0, refused_calls=[],
        told=[["⚠️ reza — warned", "⛔ reza — disabled", "✅ reza — enabled again"], ["reza"]])


def missing(play):
    return [text for good, text in facts.checks(play) if not good]


def test_a_good_play_is_good():
    assert missing(good_play()) == [] and len(facts.checks(good_play())) > 15


def with_case(name, **fields):
    def change(play):
        play.cases[name] = dataclasses.replace(play.cases[name], **fields)
    return change


def with_field(**fields):
    def change(play):
        for key, value in fields.items():
            setattr(play, key, value)
    return change


def with_journal(*entries):
    def change(play):
        play.changes, play.other_changes = facts.changes(list(entries))
    return change


OFF, ON = put(REZA_ID, True, 171.05), put(REZA_ID, False, 183.01)


@pytest.mark.parametrize("change, words", [
    (with_case(cast.REZA, watched=[]), "was watched"),
    (with_field(events=[]), "before he was convicted"),
    (with_field(verdicts=[]), "convicted once"),
    (with_journal(ON), "told at once"),
    (with_journal({**OFF, "wall": 176.5}, ON), "told at once"),
    (with_journal({**OFF, "status": 403}, ON), "told at once"),
    (with_journal({**OFF, "wall": 170.9}, ON), "told at once"),
    (with_journal(OFF), "enabled when"),
    (with_journal(OFF, {**ON, "wall": 188.5}), "enabled when"),
    (with_journal(OFF, {**ON, "wall": 182.5}), "enabled when"),
    (with_field(reza_on_panel="disabled"), "in the end"),
    (with_case(cast.REZA, state="monitoring"), "in the end"),
    (with_case(cast.ALI, watched=[]), "ali's phone"),
    (with_case(cast.ALI, acquitted=[]), "ali's phone"),
    (with_case(cast.FAMILY, watched=[120.0]), "the family"),
    (with_case(cast.FAMILY, most=1), "the family"),
    (with_case(cast.TESTER, watched=[120.0]), "the excepted user"),
    (with_case("user07", disabled=[150.0]), "30 others"),
    (with_case("user07", warned=True), "nobody but reza was warned: user07"),
    (with_journal(OFF, put(9, True, 150), ON), "nobody but reza was convicted"),
    (with_journal(OFF, ON, {**OFF, "path": "/api/users/bulk/disable"}), "changed in the panel"),
    (with_field(node_states=[(90, "connected")]), "went away and came back"),
    (with_field(node_states=[(90, "connected"), (130, "error")]), "went away and came back"),
    (with_field(node_lines=(10, 10)), "read again"),
    (with_field(nodes=[{"id": 1, "counted": 29}]), "every connection"),
    (with_field(errors=["ERROR: AddressSanitizer"]), "no error"),
    (with_field(exit_code=-6), "with code -6"),
    (with_field(told=[]), "the bot told"),
    (with_field(told=[["⚠️ reza — warned"], ["⛔ reza — disabled", "✅ reza — enabled again"]]),
     "in one message"),
    (with_field(told=[["⚠️ reza — warned", "✅ reza — enabled again", "⛔ reza — disabled"]]),
     "in one message"),
    (with_field(refused_calls=["sendMessage: Bad Request"]), "refused nothing"),
])
def test_a_play_that_went_wrong_says_what_is_missing(change, words):
    play = good_play()
    change(play)
    assert any(words in text for text in missing(play)), missing(play)


def test_a_refused_honest_user_is_named():
    play = good_play()
    play.stage.refused["user02"] += 1
    assert ["user02" in text for text in missing(play)] == [True]
    play = good_play()
    play.stage.refused[cast.REZA] = 0
    assert len(missing(play)) == 1
    play = good_play()
    play.verdicts.append({**play.verdicts[0], "user_id": 9, "name": "user05"})
    assert [text.endswith(": user05") for text in missing(play)] == [True]
