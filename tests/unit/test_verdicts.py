r"""One alert, drawn as a timeline. A column is a pane.

word     .  neither alarm nor healthy      A  alarm      h  healthy      B  both
alert       not firing                     F  fires      =  goes on      R  resolved
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.verdicts.alert_state import AlertState, Subject, Word, digest

SUBJECT = Subject("performance", "error_rate", "warning", "e_detector", "one false alarm in 30 days")
WIDTH = 10_000


def key(pane: int, version: str = "1") -> PaneKey:
    return PaneKey(pane * WIDTH, WIDTH, "m", version, "")


def alerts_of(words: str, clear_panes: int = 3, restart: bool = False) -> list[dict[str, Any] | None]:
    state = AlertState(clear_panes)
    alerts = []
    for pane, letter in enumerate(words):
        if restart:
            state = AlertState(clear_panes).restore(state.snapshot())
        word = Word(letter in "AB", letter in "hB", {"pane": float(pane), "broken": math.nan}, f"pane {pane}")
        alerts.append(state.on_pane(SUBJECT, key(pane), word))
    return alerts


def timeline(words: str, clear_panes: int = 3) -> str:
    drawn, firing = "", False
    for alert in alerts_of(words, clear_panes):
        if alert is None:
            drawn += "=" if firing else " "
        else:
            firing = alert["transition"] == "firing"
            drawn += "F" if firing else "R"
    return drawn


@pytest.mark.parametrize(
    ("words", "alert"),
    [
        ("..hh..hhhhhh", "            "),  # health of what is not firing says nothing
        ("..A...", "  F==="),  # it takes a proof to end, not silence
        ("..A..hhh..", "  F====R  "),
        ("..AAAAhhh.", "  F=====R "),
        ("..Ahh.hhh.", "  F=====R "),  # three in a row
        ("..AhhAhhh.", "  F=====R "),
        ("..AhhBhhh.", "  F=====R "),  # an alarm outweighs health
        ("..AhhhA...", "  F==RF==="),  # at once again
        ("..Ahhhhhh.", "  F==R    "),
        ("BBBBBB", "F====="),
    ],
)
def test_an_alert_fires_once_and_ends_with_three_healthy_panes_in_a_row(words: str, alert: str) -> None:
    assert timeline(words) == alert


def test_one_healthy_pane_is_enough_where_the_policy_says_so() -> None:
    assert timeline("Ah.Ah", clear_panes=1) == "FR FR"


def test_a_restart_between_any_two_panes_changes_nothing() -> None:
    for words in ("..AhhAhhh.AAhhh", "A", "AhhhA.hhAhhh"):
        assert alerts_of(words, restart=True) == alerts_of(words)


def test_an_alert_says_when_it_began_when_it_was_last_bad_and_when_it_ended() -> None:
    fired, *_, ended = (alert for alert in alerts_of(".AA.Ahhh") if alert)
    assert (fired["first_at"], fired["last_at"], fired["resolved_at"]) == (20_000, 20_000, None)
    assert (ended["first_at"], ended["last_at"], ended["resolved_at"]) == (20_000, 50_000, 80_000)
    assert (ended["pane_start"], ended["pane_end"]) == (70_000, 80_000)


def test_numbers_that_are_not_finite_do_not_travel() -> None:
    (alert,) = alerts_of("A")
    assert alert is not None
    assert alert["evidence"] == {"pane": 0.0}


def test_firing_and_resolving_share_a_fingerprint_and_have_ids_of_their_own() -> None:
    fired, ended, again = (alert for alert in alerts_of("Ahhh.A") if alert)
    assert fired["fingerprint"] == ended["fingerprint"] == again["fingerprint"]
    assert len({fired["id"], ended["id"], again["id"]}) == 3
    assert [alert and alert["id"] for alert in alerts_of("Ahhh.A")] == [
        alert and alert["id"] for alert in alerts_of("Ahhh.A")
    ]


def test_every_part_of_what_an_alert_is_about_changes_its_fingerprint() -> None:
    other = Subject("performance", "error_rate", "critical", "e_detector", "another guarantee")
    prints = {
        SUBJECT.fingerprint(key(0)),
        other.fingerprint(key(0)),
        SUBJECT.fingerprint(key(0, version="2")),
    }
    assert len(prints) == 3
    assert SUBJECT.fingerprint(key(5)) == SUBJECT.fingerprint(key(0))


def test_names_that_run_into_each_other_have_different_digests() -> None:
    assert digest("a", "bc") != digest("ab", "c")
    assert digest("a\x00b", "c") != digest("a", "b\x00c")
