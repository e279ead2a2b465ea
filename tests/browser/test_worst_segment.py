"""Where a person on call looks first: which segment is worst, why, and the way to it. In a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from browser.scene import Model, Worker
from browser.serving import Serving

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from browser.page import Page

MODELS = [
    Model("churn"),
    Model("credit-risk"),
    Model("fails-in-one", breaks=10, only="web"),
    Model("learns-and-fails", breaks=40, only="app"),
]
TAB, ENTER = "\ue004", "\ue007"


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    with Serving(Worker(MODELS, rate=60)) as serving:
        serving.play(62)
        yield serving


@pytest.fixture
def page(chrome: Chrome, serving: Serving) -> Page:
    from browser.chromium import prefer
    from browser.page import Page

    prefer(chrome, "light")
    chrome.set_window_size(1280, 900)
    return Page(chrome, serving.url)


def test_a_segment_behind_the_whole_is_named_beside_the_headline_with_the_numbers(page: Page) -> None:
    page.open("fails-in-one").await_model("fails-in-one")
    page.await_(lambda: page.text("#worst-link") == "channel=web")
    assert page.text("#worst").startswith("Worst segment: channel=web: accuracy 0.")
    assert page.text("#worst").endswith(" of all, short window")
    assert page.texts("#segments tr td:first-child")[0] == "channel=web"
    assert page.complaints() == []


def test_what_fires_in_a_segment_comes_before_numbers_and_has_its_sign(page: Page) -> None:
    page.open("learns-and-fails").await_model("learns-and-fails")
    page.await_(lambda: page.text("#worst-link") == "channel=app")
    assert page.text("#worst-reason").startswith(": error_rate critical fires")
    assert page.find("#worst-link .sign.critical")


def test_it_says_so_where_no_segment_stands_out_and_nothing_where_there_are_none(page: Page) -> None:
    page.open("churn").await_model("churn").await_(lambda: page.text("#worst-reason"))
    assert page.js("return document.getElementById('worst').innerText") == "Worst segment: none stands out"
    page.open("credit-risk").await_model("credit-risk")
    assert page.js("return document.getElementById('worst').hidden")
    page.open("fails-in-one").await_model("fails-in-one")
    page.await_(lambda: page.text("#worst-link"))
    page.js("location.hash = document.getElementById('worst-link').getAttribute('href')")
    page.await_(lambda: "channel=web" in page.text("#name"))
    assert page.js("return document.getElementById('worst').hidden")


def test_by_key_one_comes_to_its_line_and_from_there_to_its_page(page: Page) -> None:
    page.open("fails-in-one").await_model("fails-in-one").await_(lambda: page.text("#worst-link"))
    page.js("document.getElementById('name').focus()")
    page.press(TAB)
    assert page.js("return document.activeElement.id") == "worst-link"
    page.press(ENTER)
    assert page.js("return document.activeElement.closest('#segments tr') !== null")
    assert page.focused() == "channel=web"
    assert page.js(
        "const { top, bottom } = document.activeElement.getBoundingClientRect();"
        "return top > 60 && bottom < innerHeight"
    )
    assert page.js("return location.hash") == "#fails-in-one/7/"
    page.press(ENTER)
    page.await_(lambda: "channel=web" in page.text("#name"))


def test_a_screen_reader_says_what_the_link_is_and_where_it_leads(page: Page) -> None:
    page.open("fails-in-one").await_model("fails-in-one").await_(lambda: page.text("#worst-link"))
    (link,) = page.find("#worst-link")
    assert link.aria_role == "link"
    assert link.accessible_name == f"Worst segment channel=web{page.text('#worst-reason')}. Go to its line"


def test_neither_the_link_nor_a_line_loses_the_focus_while_numbers_change(chrome: Chrome) -> None:
    from browser.page import Page

    with Serving(Worker([Model("fails-in-one", breaks=0, only="web")], rate=60)) as live:
        live.play(30)
        page = Page(chrome, live.url).open().await_model("fails-in-one")
        page.await_(lambda: page.text("#worst-link"))
        for css in ("#worst-link", "#segments a"):
            page.js("document.querySelector(arguments[0]).focus()", css)
            before = page.text("#segments tr td:nth-child(3)")
            live.play(3)
            page.await_(lambda before=before: page.text("#segments tr td:nth-child(3)") != before)
            assert page.focused() == "channel=web", css
            assert page.js("return document.activeElement.matches(arguments[0])", css)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_stands_out_from_its_ground_and_within_the_window(page: Page, scheme: str, width: int) -> None:
    from browser.chromium import prefer
    from browser.test_page import contrast

    prefer(page.driver, scheme)
    page.driver.set_window_size(width, 900)
    page.open("learns-and-fails").await_model("learns-and-fails").await_(lambda: page.text("#worst-link"))
    for css in ("#worst", "#worst-link"):
        assert contrast(page.colour(css, "color"), page.colour("html")) >= 4.5, css
    assert page.js("return document.getElementById('worst').getBoundingClientRect().right <= innerWidth")
