"""The status page and its documents over HTTP, without a browser."""

from __future__ import annotations

import base64
import hashlib
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from browser.scene import EVIL, MODELS, Worker
from browser.serving import Serving
from tiltmeter.processor.page.document import document


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    with Serving(Worker(MODELS, rate=60)) as serving:
        serving.play(62)
        yield serving


def get(serving: Serving, path: str) -> Any:
    with urllib.request.urlopen(serving.url + path, timeout=10) as answer:
        return orjson.loads(answer.read())


def model(serving: Serving, name: str, **more: str) -> Any:
    return get(serving, "/model.json?" + urllib.parse.urlencode({"model": name, "version": "7", **more}))


def test_the_page_is_one_small_document_that_names_no_other() -> None:
    html = document().html.decode()
    assert len(html) < 200_000
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?!data:|#)[\w/.:]""", html.split("<script>")[0])
    assert re.findall(r"https?://(?!www\.w3\.org/)\S+", html) == []


def test_the_policy_allows_this_style_and_this_script_only() -> None:
    page = document()
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", page.html.decode(), re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_scripts_never_write_markup() -> None:
    html = document().html.decode()
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser"):
        assert danger not in html


def test_status_says_how_bad_each_model_is_and_what_it_lacks(serving: Serving) -> None:
    models = {m["model"]: m for m in get(serving, "/status.json")["models"]}
    assert {name: m["severity"] for name, m in models.items()} == {
        "credit-risk": "critical",
        EVIL: "warning",
        "churn": "ok",
        "house-prices": "ok",
        "no-labels": "ok",
        "no-reference": "ok",
    }
    assert models["no-reference"]["reference_state"] == "none"
    assert models["no-labels"]["label_coverage"] == 0.0
    assert models["churn"]["label_coverage"] == 1.0
    assert models["no-labels"]["trend"] == []


def test_status_holds_no_histograms(serving: Serving) -> None:
    status = get(serving, "/status.json")
    assert {frozenset(f) for m in status["models"] for f in m["features"].values()} == {frozenset({"cells"})}


def test_status_tells_where_each_partition_stands(serving: Serving) -> None:
    (partition,) = get(serving, "/status.json")["partitions"].values()
    assert partition["watermarks"]["predictions"] == partition["sides"]["predictions"][1]
    assert partition["pending"] == {"predictions": 60 * 62, "feedback": 0}


def test_a_model_s_pictures_count_the_rows_of_the_window(serving: Serving) -> None:
    drawn = model(serving, "churn", window="medium")["distributions"]
    assert drawn[0]["name"] == "(prediction)"
    for d in drawn:
        rows = d["bars"] if d["kind"] == "numeric" else d["rows"]
        outside = d["below"][1] + d["above"][1] if d["kind"] == "numeric" else d["rest"][1]
        assert sum(row[-1] for row in rows) + outside == d["cells"]["ok"] == 60 * 60


def test_measures_that_are_asked_for_agree_with_each_other(serving: Serving) -> None:
    assert all("measures" not in d for d in model(serving, "churn")["distributions"])
    drawn = {d["name"]: d["measures"] for d in model(serving, "credit-risk", measures="1")["distributions"]}
    moved, quiet, channel = drawn["basket_value"], drawn["age"], drawn["channel"]
    for name in ("psi", "jensen_shannon", "kullback_leibler", "hellinger"):
        assert moved[name] > 3 * quiet[name] > 0, name
    assert moved["normal_scores"]["z"] > 10
    assert moved["normal_scores"]["p_value"] < 1e-9 < quiet["normal_scores"]["p_value"]
    assert moved["chi_square"]["degrees"] == 9
    low, high = quiet["ks_p_value"]
    assert 0 < low <= high <= 1
    assert channel["wasserstein"] is channel["normal_scores"] is channel["ks_p_value"] is None


def test_status_says_how_long_labels_take_and_what_is_too_young_to_say(serving: Serving) -> None:
    models = {m["model"]: m for m in get(serving, "/status.json")["models"]}
    assert models["churn"]["label_delay_ms"] == {"0.5": 60_000, "0.9": 60_000, "0.99": 60_000}
    assert models["no-labels"]["label_delay_ms"] == {"0.5": None, "0.9": None, "0.99": None}
    assert set(models["churn"]["labels_within"]) == {"1h", "1d", "7d", "30d"}
    assert models["churn"]["labels_within"]["1h"] == [None, None]


def test_a_model_s_performance_has_a_band_around_every_point(serving: Serving) -> None:
    performance = model(serving, "credit-risk")["performance"]
    assert len(performance["points"]) == 60
    assert all(low <= value <= high for _, _, value, low, high in performance["points"])
    assert performance["reference"] < performance["allowed"]["warning"] < performance["allowed"]["critical"]
    regression = model(serving, "house-prices")["performance"]
    assert regression["measure"] == "mean absolute error"
    assert all(low <= value <= high for _, _, value, low, high in regression["points"])


def test_what_fires_comes_with_evidence_and_guarantee(serving: Serving) -> None:
    firing = model(serving, "credit-risk")["firing"]
    assert {(a["kind"], a["severity"]) for a in firing} >= {
        ("feature_drift", "warning"),
        ("performance", "critical"),
    }
    assert all(a["guarantee"] and a["evidence"] and a["summary"] for a in firing)


@pytest.mark.parametrize("asked", [{"model": "nobody"}, {"model": "churn", "window": "none"}])
def test_what_is_not_watched_is_not_found(serving: Serving, asked: dict[str, str]) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        model(serving, asked.pop("model"), **asked)
    assert refused.value.code == 404
    refused.value.close()
