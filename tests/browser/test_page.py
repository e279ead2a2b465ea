"""What somebody sees who opens the status page: in a real browser, on a real web server, fed by the real core."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser.scene import EVIL, ORDER, Model, Worker
from browser.serving import Serving

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from browser.page import Page


@pytest.fixture
def page(chrome: Chrome, serving: Serving) -> Page:
    from browser.chromium import prefer
    from browser.page import Page

    prefer(chrome, "light")
    chrome.set_window_size(1280, 900)
    page = Page(chrome, serving.url).open()
    page.js("localStorage.clear(); delete document.documentElement.dataset.theme")
    return page


def test_models_are_listed_worst_first_and_the_worst_is_open(page: Page) -> None:
    page.await_(lambda: page.models() == ORDER)
    page.await_model("credit-risk")
    signs = page.js(
        "return [...document.querySelectorAll('#models .sign')].map(s => s.getAttribute('aria-label'))"
    )
    assert signs == ["critical", "warning", *["nothing fires"] * 3, "nothing to compare with"]


def test_a_drifted_feature_comes_first_with_both_distributions_and_what_is_proved(page: Page) -> None:
    page.await_model("credit-risk").await_(lambda: page.find("#features .card"))
    assert page.text("#features .card h3") == "basket_value"
    assert "at least 0." in page.text("#features .card.warning .head")
    for part in (".reference-area", ".current-line", ".interval .tolerance"):
        assert page.find(f"#features .card:first-child {part}"), part
    assert len(page.texts("#features .card")) == 8


def test_what_fires_is_grouped_by_subject_with_evidence_and_guarantee(page: Page) -> None:
    page.await_model("credit-risk").await_(lambda: page.texts("#firing li"))
    cards = page.texts("#firing li")
    assert "critical" in cards[0]
    assert any("also warning since" in card for card in cards)
    assert all("Guarantee: " in card for card in cards)
    assert any("basket_value largely drifted, by" in card for card in cards)
    assert len(page.find("#timeline .episode")) == len(page.find("#transitions > li")) >= 4


def test_performance_has_a_line_in_its_band_and_says_in_words_where_it_is(page: Page) -> None:
    page.await_model("credit-risk").await_(lambda: page.find("#performance .band"))
    spoken = page.js("return document.querySelector('#performance svg').getAttribute('aria-label')")
    assert spoken.startswith("error rate over time, now ")
    assert "the reference has" in spoken


def test_segments_are_listed_under_their_model_and_open_like_one(page: Page) -> None:
    page.open("churn").await_model("churn").await_(lambda: len(page.texts("#segments tbody tr")) == 3)
    links = page.texts("#segments tbody a")
    assert sorted(links) == ["channel=(other)", "channel=branch", "channel=web"]
    assert all("no reference" in row and "%" in row for row in page.texts("#segments tbody tr"))
    page.js("document.querySelector('#segments a').click()")
    page.await_(lambda: links[0] in page.text("#name"))
    assert page.text("#models [aria-current]").startswith("churn")
    assert page.js("return document.getElementById('segments-section').hidden")
    page.js("document.querySelector('#name a').click()")
    page.await_(lambda: len(page.texts("#segments tbody tr")) == 3)
    page.open("credit-risk").await_model("credit-risk")
    assert page.js("return document.getElementById('segments-section').hidden")
    assert page.complaints() == []


def test_hostile_names_are_text_everywhere(page: Page) -> None:
    page.open(EVIL).await_model(EVIL)
    page.await_(lambda: page.find("#features .card"))
    assert EVIL in page.texts("#features .card h3")
    assert EVIL in page.texts("#features .rows .label")
    assert not page.find("main img, nav img, main script, nav script")
    assert page.driver.title == "(7) Tiltmeter"
    assert page.complaints() == []


@pytest.mark.parametrize(
    ("model", "section", "advice"),
    [
        ("no-labels", "#performance .empty", "emitter.feedback(prediction_id, label)"),
        (
            "no-reference",
            "#features .empty",
            "tiltmeter reference build held_out.parquet --model no-reference",
        ),
        ("churn", "#timeline .empty", "No alert so far"),
    ],
)
def test_where_there_is_nothing_to_see_the_page_says_what_to_do(
    page: Page, model: str, section: str, advice: str
) -> None:
    page.open(model).await_model(model)
    page.await_(lambda: advice in page.text(section))


def test_the_keyboard_walks_the_list_opens_a_model_and_comes_back(page: Page) -> None:
    page.await_(lambda: page.models() == ORDER)
    page.press("j")
    assert page.focused().startswith("credit-risk")
    page.press("j", "j", "\ue015")  # and an arrow down
    assert page.focused().startswith("house-prices")
    page.press("k")
    assert page.focused().startswith("churn")
    page.press("\ue007")  # Enter
    page.await_model("churn").await_(lambda: page.focused().startswith("churn version 7"))
    page.press("\ue00c")  # Escape
    assert page.js("return document.activeElement.getAttribute('aria-current')") == "true"


def test_help_lists_the_keys_and_windows_change_by_key(page: Page) -> None:
    page.await_model("credit-risk").await_(lambda: page.find("#windows input"))
    page.press("?")
    assert page.js("return document.getElementById('keys').open")
    page.press("\ue00c")
    assert not page.js("return document.getElementById('keys').open")
    page.press("w")
    page.await_(
        lambda: "9K rows" in page.text("#features .card") or "3.6K rows" in page.text("#features .card")
    )


def test_every_control_is_reached_by_tab_and_has_a_name(page: Page) -> None:
    page.await_model("credit-risk").await_(lambda: page.find("#transitions summary"))
    unnamed = page.js(
        "return [...document.querySelectorAll('button, a[href], input, summary')].filter(e =>"
        " e.checkVisibility() && !(e.getAttribute('aria-label') || e.textContent.trim()"
        " || e.closest('label')?.textContent.trim())).length"
    )
    assert unnamed == 0
    seen = []
    for _ in range(14):
        page.press("\ue004")  # Tab
        seen.append(page.js("return document.activeElement.id || document.activeElement.tagName"))
    assert seen[:3] == ["A", "theme", "help"]
    assert seen[3:9] == ["A"] * 6
    assert "SUMMARY" in seen


def test_light_and_dark_follow_the_system_until_somebody_chooses(page: Page) -> None:
    from browser.chromium import prefer

    page.await_model("credit-risk")
    assert min(page.colour("html")) > 200
    prefer(page.driver, "dark")
    page.await_(lambda: max(page.colour("html")) < 60)
    page.press("t")
    assert min(page.colour("html")) > 200
    page.open().await_model("credit-risk")  # and it is remembered
    assert min(page.colour("html")) > 200
    page.js("localStorage.clear()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page: Page, scheme: str) -> None:
    """WCAG 2.1 AA: a contrast of 4.5 for text."""
    from browser.chromium import prefer

    prefer(page.driver, scheme)
    page.await_model("credit-risk").await_(lambda: page.find("#features .card"))
    texts = (
        "#name",
        "#verdict",
        ".figures dt",
        ".promise",
        ".read",
        "nav .what",
        "th",
        ".card .axis",
        ".card .head .warning",
    )
    for css in texts:
        for ground in ("html", ".card"):
            assert contrast(page.colour(css, "color"), page.colour(ground)) >= 4.5, (css, ground)


def test_on_paper_it_is_light_and_without_controls(page: Page) -> None:
    from browser.chromium import prefer

    prefer(page.driver, "dark", media="print")
    page.await_model("credit-risk").await_(lambda: min(page.colour("html")) == 255)
    for css in ("nav", "#theme", "#windows"):
        assert not page.js("return document.querySelector(arguments[0]).checkVisibility()", css)


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    def luminance(rgb: tuple[int, ...]) -> float:
        linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("width", [390, 700, 1280, 1900])
def test_nothing_sticks_out_at_any_width(page: Page, width: int) -> None:
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    try:
        for name in ("credit-risk", EVIL):
            page.open(name).await_model(name).await_(lambda: page.find("#features .card"))
            assert page.js("return document.documentElement.scrollWidth") <= width
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_no_request_leaves_the_worker_and_the_console_is_silent(page: Page, serving: Serving) -> None:
    page.open().await_model("credit-risk").await_(lambda: page.find("#features .card"))
    asked = [url for url in page.requests() if not url.startswith(("data:", "about:", "chrome"))]
    assert {url.removeprefix(serving.url).partition("?")[0] for url in asked} == {
        "/",
        "/status.json",
        "/model.json",
    }
    assert page.complaints() == []


def test_an_injected_script_is_refused_by_the_policy(page: Page) -> None:
    page.await_model("credit-risk")
    page.js(
        "const s = document.createElement('script'); s.textContent = 'window.broken = 1';"
        "document.body.append(s);"
        "const i = document.createElement('div'); i.setAttribute('onclick', 'window.broken = 1');"
        "document.body.append(i); i.click();"
    )
    assert page.js("return window.broken === undefined")


def test_open_details_stay_open_while_the_page_refreshes(chrome: Chrome) -> None:
    from browser.page import Page

    with Serving(Worker(rate=60)) as live:
        live.play(45)
        page = Page(chrome, live.url).open().await_model("credit-risk")
        page.await_(lambda: page.find("#transitions summary"))
        page.js("document.querySelector('#transitions li:last-child summary').click()")
        before = page.text("#figures dd")
        live.play(5)
        page.await_(lambda: page.text("#figures dd") != before)
        assert page.js("return document.querySelector('#transitions li:last-child details').open")


def test_further_measures_open_by_key_and_stay_open_while_the_page_refreshes(chrome: Chrome) -> None:
    from browser.page import Page

    with Serving(Worker([Model("churn"), Model("credit-risk", drifts=5)], rate=60)) as live:
        live.play(20)
        page = Page(chrome, live.url).open("credit-risk").await_model("credit-risk")
        page.await_(lambda: page.find("#features .further summary"))
        assert "measures=1" not in " ".join(page.requests())
        page.js("document.querySelector('#features .further summary').focus()")
        page.press("\ue007")  # Enter
        page.await_(lambda: page.find("#features .further[open] dl"))
        shown = page.text("#features .further[open]")
        assert page.focused() == "More measures of basket_value"
        for part in ("Population stability", "Hellinger", "χ², 9 degrees", "KS, at most", "p < 0.0001"):
            assert part in shown
        assert "NaN" not in shown
        live.play(5)
        page.await_(lambda: page.text("#features .further[open]") not in (shown, ""))
        assert page.focused() == "More measures of basket_value"
        assert len(page.find("#features .further[open]")) == 1
        page.js("location.hash = '#churn/7/'")
        page.await_model("churn")
        assert not page.find("#features .further[open]")
        assert page.complaints() == []


def test_how_long_labels_take_is_said_beside_how_many_came(chrome: Chrome) -> None:
    from browser.page import Page

    with Serving(Worker([Model("soon-mature")], rate=10)) as live:
        live.play(30)
        page = Page(chrome, live.url).open().await_model("soon-mature")
        labelled = "#figures div:nth-child(2)"
        page.await_(lambda: "99 % of them within 60 s" in page.text(labelled))
        assert "by 1m" not in page.text(labelled)
        live.play(110)
        page.await_(lambda: "100 % by 1m" in page.text(labelled))


def test_new_alerts_are_read_out_once_and_old_ones_are_not(chrome: Chrome) -> None:
    from browser.page import Page

    with Serving(Worker(rate=60)) as live:
        live.play(20)
        page = Page(chrome, live.url).open("credit-risk").await_model("credit-risk")
        assert page.texts("#spoken p") == []
        live.play(20)
        page.await_(lambda: page.texts("#spoken p"))
        said = page.texts("#spoken p")
        assert any(text.startswith("firing, warning: credit-risk 7, basket_value") for text in said)
        live.play(1)
        assert len(set(said)) == len(said)


def test_a_worker_that_falls_silent_is_said_to_and_what_was_seen_stays(chrome: Chrome) -> None:
    from browser.page import Page

    with Serving(Worker(rate=60)) as live:
        live.play(10)
        page = Page(chrome, live.url).open()
        page.await_(page.models)
        assert not page.js("return document.getElementById('stale').checkVisibility()")
        live.stop()
        page.await_(lambda: page.js("return document.getElementById('stale').checkVisibility()"))
        assert "The worker does not answer" in page.text("#stale")
        assert len(page.models()) == len(ORDER)


def test_a_hidden_page_does_not_ask(chrome: Chrome, serving: Serving) -> None:
    from browser.page import Page

    page = Page(chrome, serving.url).open().await_model("credit-risk")
    page.js(
        "Object.defineProperty(document, 'hidden', {get: () => window.away ?? true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.await_(lambda: page.text("#live") == "paused")
    page.js(  # one question may be under way
        "window.asked = 0; const f = window.fetch; window.fetch = (...a) => { window.asked += 1; return f(...a); };"
        "window.done = new Promise(r => setTimeout(r, 4500))"
    )
    page.driver.execute_async_script("window.done.then(arguments[0])")
    assert page.js("return window.asked") == 0
    page.js("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    page.await_(lambda: page.js("return window.asked") > 0)


def test_a_worker_without_predictions_shows_how_to_emit_one(chrome: Chrome) -> None:
    from browser.page import Page

    with Serving(Worker([])) as live:
        page = Page(chrome, live.url).open()
        page.await_(lambda: "No predictions yet" in page.text("#nothing"))
        assert "from tiltmeter.emitter import Emitter" in page.text("#nothing pre")


def test_a_worker_that_joins_but_watches_no_model_does_not_say_that_nothing_comes(chrome: Chrome) -> None:
    """With several workers the model may be with another one."""
    from browser.page import Page

    with Serving(Worker([Model("churn")])) as live:
        live.play(2)
        for watched in live.worker.watch.owned.values():
            watched.watchers.clear()
        page = Page(chrome, live.url).open()
        page.await_(lambda: "another one may be watching it" in page.text("#nothing"))


def test_many_features_show_the_first_dozen_and_then_all(chrome: Chrome) -> None:
    from browser.page import Page

    with Serving(Worker([Model("wide", more=20)], rate=20)) as live:
        live.play(15)
        page = Page(chrome, live.url).open().await_model("wide")
        page.await_(lambda: len(page.find("#features .card")) == 12)
        page.js("document.getElementById('all-features').click()")
        page.await_(lambda: len(page.find("#features .card")) == 28)
        assert page.text("#all-features") == "Show the first 12"
