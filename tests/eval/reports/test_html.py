from __future__ import annotations

import html as escaping
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt

from eval.benchmarks.learning_curve import CurvePoint
from eval.metrics.intervals import Difference, Interval
from eval.reports import charts, wording
from eval.reports.figures import Worth, confusion, mistakes, pairs, rows, silent, word_bins
from eval.reports.html import html, write_html
from eval.reports.markdown import markdown
from eval.systems.results import Comparison, Result
from labeler.base.examples import Examples
from labeler.base.f1 import micro_f1
from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet
from labeler.text.issue import Issue

HOSTILE = (
    "</style></details><script>document.title='owned'</script> ]]> <img src=x onerror=alert(1)> | `a` **b** @octocat"
)
NAMES = (
    "bug", "enhancement", "documentation", "question", "good first issue", "area: user interface and more", "ci/cd",
    "performance", "security", "maintenance", "backwards incompatible change", "help wanted",
)  # fmt: skip
BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)


def result(key: str, predicted: np.ndarray, probabilities: np.ndarray | None = None, **more: object) -> Result:
    thresholds = None if probabilities is None else (0.5,) * predicted.shape[1]
    given = {"name": key, "answers": None, "fit_seconds": 1.0, "seconds_an_issue": 0.01} | more
    return Result(key, predicted=predicted, probabilities=probabilities, thresholds=thresholds, **given)  # type: ignore[arg-type]


def comparison(n: int = 240, seed: int = 0, names: tuple[str, ...] = NAMES, title: str = "a trial") -> Comparison:
    """Synthetic truth, with systems of several strengths; one issue is hostile, and the first gets it badly wrong."""
    rng = np.random.default_rng(seed)
    shares = np.linspace(0.45, 0.02, len(names))
    truth = rng.random((n, len(names))) < shares
    known = np.ones_like(truth)
    known[::5, -3:] = False

    def chances(noise: float) -> np.ndarray:
        return 1 / (1 + np.exp(-(2 * (2 * truth - 1) + rng.normal(0, noise, truth.shape))))

    ours, linear = chances(1.5), chances(2.2)
    truth[0], ours[0], known[0] = False, 0.001, True
    truth[0, 0], ours[0, 1] = True, 0.999
    issues = [Issue(f"Saving fails in case {i}", "It stops. " * (i % 130), i + 1, "octo/hello") for i in range(n)]
    issues[0] = Issue(HOSTILE, f"{HOSTILE}\x00\x1b[31m\u202e tail\n\n" + "word " * 900, repository="octo/<b>")
    results = (
        result("majority", np.tile(shares > 0.4, (n, 1)), name="most frequent labels", note="needs no model"),
        result("linear", linear >= 0.5, linear, name="TF-IDF + logistic regression", size_megabytes=3.2),
        result("ours", ours >= 0.5, ours, name="a model <0.1.0>", cold_seconds=0.5, memory_megabytes=140.0),
    )
    examples = Examples(tuple(map(str, range(n))), tuple(issues), truth, known)
    return Comparison(title, LabelSet(tuple(map(Label, names))), examples, 1200, 150, results, "ours")


def small(truth: list[str], predicted: list[str], chances: np.ndarray | None = None, **more: object) -> Comparison:
    """Issues whose labels are written as letters: "ab" has the labels a and b."""
    cells = [np.array([[letter in row for letter in "abc"] for row in side]) for side in (truth, predicted)]
    issues = tuple(Issue(f"issue {i}") for i in range(len(truth)))
    known = more.pop("known", np.ones_like(cells[0]))
    examples = Examples(tuple(map(str, range(len(truth)))), issues, cells[0], known)  # type: ignore[arg-type]
    labels = LabelSet(tuple(map(Label, "abc")))
    return Comparison("small", labels, examples, 1, 1, (result("ours", cells[1], chances),), "ours")


def worth(coverage: float, precision: float, n: int = 100) -> Worth:
    one = small(["a"], ["a"]).results[0]
    return Worth(one, *(Interval(value, value, value, n) for value in (coverage, precision, 0.5)))


@pytest.mark.parametrize(
    ("coverage", "precision", "said"),
    [
        (0.71, 0.89, "Labels 7 of 10 new issues by itself, and is right 9 times of 10."),
        (0.96, 0.1, "Labels 19 of 20 new issues by itself, and is right 1 time of 10."),
        (1.0, 1.0, "Labels every new issue by itself, and is always right."),
        (0.999, 0.999, "Labels nearly every new issue by itself, and is nearly always right."),
        (0.001, 0.0, "Labels hardly any new issue by itself, and is never right."),
        (0.0, 0.0, "Labels no new issue."),
    ],
)
def test_the_sentence_says_coverage_and_precision_in_words(coverage: float, precision: float, said: str) -> None:
    assert wording.sentence(worth(coverage, precision)) == said


def test_without_an_issue_the_sentence_says_so() -> None:
    nothing = worth(np.nan, np.nan, 0)
    assert wording.sentence(nothing) == "There was no issue to test on."


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (Difference(0.04, 0.01, 0.07, 0.004, 900), "Better than linear"),
        (Difference(-0.04, -0.07, -0.01, 0.004, 900), "Worse than linear"),
        (Difference(0.01, -0.02, 0.04, 0.4, 900), "No clear difference from linear"),
    ],
)
def test_the_verdict_says_whether_the_model_earns_its_place(difference: Difference, said: str) -> None:
    text = wording.verdict(difference, "linear")
    assert text.startswith(said)
    assert "n = 900" in text


def test_a_system_that_does_clearly_better_than_the_main_one_is_named_at_the_top() -> None:
    one = replace(comparison(), main="linear")
    for text in (html(one), rendered(markdown(one))):
        assert re.search(r"Ahead of this system .+ by micro-F1: a model &lt;0.1.0&gt; \(.0\.\d{3}, p", text)
    assert "Ahead of this system" not in html(comparison(40))


def test_a_note_is_given_once_with_the_systems_that_have_it() -> None:
    one = comparison(40)
    page = html(replace(one, results=tuple(replace(each, note="a word of warning") for each in one.results)))
    assert page.count("a word of warning") == 1
    assert "most frequent labels; TF-IDF + logistic regression; a model &lt;0.1.0&gt;: a word of warning" in page


def test_confusion_counts_a_missed_label_with_each_label_set_instead() -> None:
    one = small(["a", "a", "ab", "c", "a"], ["b", "b", "c", "c", ""])
    assert confusion(one).tolist() == [[0, 2, 1], [0, 0, 1], [0, 0, 0]]
    first = pairs(one)[0]
    assert (first.missed, first.instead, first.count, first.support) == ("a", "b", 2, 4)
    assert silent(one) == 1


def test_unknown_cells_confuse_nothing() -> None:
    known = np.array([[True, False, True]])
    one = small(["a"], ["bc"], known=known)
    assert confusion(one).tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert [cell.name for cell in mistakes(one)[0].cells] == ["a", "c"]


def test_the_worst_mistakes_come_first_and_right_answers_never() -> None:
    chances = np.array([[0.6, 0.4, 0.1], [0.01, 0.99, 0.1], [0.9, 0.1, 0.1], [0.45, 0.1, 0.1]])
    found = mistakes(small(["b", "a", "a", "a"], ["a", "b", "a", ""], chances))
    assert [mistake.row for mistake in found] == [1, 0, 3]
    assert [(cell.name, cell.true, cell.set, cell.probability) for cell in found[0].cells] == [
        ("a", True, False, 0.01),
        ("b", False, True, 0.99),
    ]


def test_without_probabilities_the_mistakes_with_most_wrong_labels_come_first() -> None:
    found = mistakes(small(["a", "ab", "c"], ["b", "c", "c"]))
    assert [mistake.row for mistake in found] == [1, 0]
    assert found[0].cells[0].probability is None


def test_at_most_twenty_mistakes_are_shown() -> None:
    assert len(mistakes(small(["a"] * 30, ["b"] * 30))) == 20


def test_word_bins_hold_every_issue_once_with_the_figures_of_both_systems() -> None:
    one = comparison()
    bins = word_bins(one)
    assert sum(each.main.n for each in bins) == len(one.test)
    words = np.array([len(f"{issue.title} {issue.body}".split()) for issue in one.test.issues])
    inside = words < 20
    given = (one.test.truth[inside], one.result("linear").predicted[inside], one.test.known[inside])
    assert bins[0].linear == pytest.approx(micro_f1(*given))
    assert (bins[0].low, bins[0].high, bins[-1].high) == (0, 19, None)


def test_the_rows_are_sorted_by_quality_and_the_main_system_has_no_difference_to_itself() -> None:
    table = rows(comparison())
    values = [row.micro_f1.value for row in table]
    assert values == sorted(values, reverse=True)
    assert [row.worth.result.key for row in table if row.difference is None] == ["ours"]
    worse = next(row for row in table if row.worth.result.key == "majority")
    assert worse.difference is not None
    assert worse.difference.high < 0
    assert worse.mean_average_precision is None


def test_the_same_comparison_gives_the_same_page() -> None:
    assert html(comparison(40)) == html(comparison(40))


def test_of_many_labels_the_matrix_shows_those_mixed_up_most() -> None:
    one = comparison(120, names=tuple(f"label {i}" for i in range(60)))
    shown = set(re.findall(r">(label \d+)<", charts.confusion_chart(one)))
    assert len(shown) == charts.MATRIX_LABELS
    assert pairs(one)[0].missed in shown


@pytest.fixture(scope="module")
def page() -> str:
    return html(comparison())


def test_the_page_loads_nothing_runs_nothing_and_forbids_both(page: str) -> None:
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    seen = Tags(page)
    assert not seen.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    assert not any(name.startswith("on") or name in ("src", "srcset", "action") for name, _ in seen.attributes)
    assert all(value.startswith("#") for name, value in seen.attributes if name == "href")
    assert not re.search(r"url\(|@import", page)


def test_the_page_says_on_how_many_issues_it_rests(page: str) -> None:
    assert "n = 240" in page
    assert "1,200" in page


def test_the_report_does_without_probabilities_and_without_the_linear_baseline() -> None:
    one = comparison()
    bare = replace(one, results=tuple(replace(each, probabilities=None, thresholds=None) for each in one.results[2:]))
    page = html(bare)
    assert 'id="probabilities"' not in page
    for text in (page, rendered(markdown(bare))):
        assert "No linear baseline was measured" in text


def test_the_report_warns_of_so_few_issues_that_intervals_promise_too_much() -> None:
    for text in (html, lambda one: rendered(markdown(one))):
        assert "the intervals are too narrow" in text(comparison(20))
        assert "the intervals are too narrow" not in text(comparison(40))


def test_the_page_of_a_system_without_a_mistake_says_so() -> None:
    page = html(small(["a", "b", ""], ["a", "b", ""]))
    assert "There is none on these issues." in page
    assert "No label was set in place of another." in page


def test_a_learning_curve_is_shown_where_it_is_given(page: str) -> None:
    points = [CurvePoint("linear", size, seed, size / 200, size / 300) for size in (8, 64) for seed in range(2)]
    assert 'id="curve"' in html(comparison(40), points)
    assert 'id="curve"' not in page


def test_a_page_that_cannot_be_written_is_an_error_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent"):
        write_html(comparison(40), tmp_path / "absent" / "page.html")


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def rendered(text: str) -> str:
    return MarkdownIt("gfm-like", {"linkify": False}).render(text)


def test_the_markdown_has_the_sentence_every_system_and_every_label() -> None:
    shown = rendered(markdown(comparison()))
    text = escaping.unescape(re.sub(r"<[^>]+>", "", shown))
    assert re.search(r"Labels \d+ of \d+ new issues by itself", text)
    for name in (*NAMES, "most frequent labels", "TF-IDF + logistic regression", "a model <0.1.0>"):
        assert name in text
    assert shown.count("<table>") == 2
    assert "<details>" in shown


def test_names_in_the_markdown_stay_text() -> None:
    one = comparison(40, names=("bug", HOSTILE), title=HOSTILE)
    shown = rendered(markdown(one))
    assert "<script" not in shown
    assert "<img" not in shown
    assert HOSTILE in escaping.unescape(re.sub(r"<[^>]+>", "", shown)).replace("\u200b", "")


def test_the_markdown_stays_below_sixty_kilobytes() -> None:
    names = tuple(f"{i:03}" + "<|>*`" * 9 for i in range(300))
    assert len(markdown(comparison(30, names=names)).encode()) < 60_000


MEASURE = """
<!doctype html><meta charset="utf-8"><body>
<iframe style="width:{width}px;height:900px;border:0" srcdoc="{page}"></iframe>
<pre id="out"></pre><script>
document.querySelector("iframe").addEventListener("load", event => {{
  const page = event.target.contentDocument, root = page.documentElement;
  const box = element => {{ const r = element.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; }};
  const said = {{
    width: root.clientWidth, scrolls: root.scrollWidth, scripts: page.scripts.length, images: page.images.length,
    title: page.title, top: document.title, text: page.body.textContent,
    color: getComputedStyle(page.body).color, background: getComputedStyle(page.body).backgroundColor,
    outside: [...page.querySelectorAll("main *")].filter(e => !e.closest(".scroll") && box(e)[2] > root.clientWidth + 1)
      .map(e => e.outerHTML.slice(0, 80)),
    charts: [...page.querySelectorAll("svg.chart")].map(svg => ({{ name: svg.querySelector("title").textContent,
      box: box(svg), texts: [...svg.querySelectorAll("text")].map(t => [t.firstChild.data, ...box(t)]) }})),
  }};
  document.getElementById("out").textContent = JSON.stringify(said);
}});
</script>
"""


def measured(folder: Path, width: int, dark: bool) -> dict:
    """What a real browser makes of the page in a frame of that width, and what it wrote to its console."""
    if BROWSER is None:
        pytest.skip("no Chromium or Chrome is installed")
    points = [CurvePoint("linear", size, 0, size / 200, size / 300) for size in (8, 16, 32, 64, 128, 1200)]
    page = html(comparison(title=HOSTILE), points)
    folder.joinpath("page.html").write_text(MEASURE.format(width=width, page=escaping.escape(page)), encoding="utf-8")
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--enable-logging=stderr", f"--user-data-dir={folder}/profile",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}", "--window-size=1200,1000", "--dump-dom",
        (folder / "page.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r'<pre id="out">(.+?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr
    return json.loads(escaping.unescape(found[1])) | {"console": re.findall(r".*CONSOLE.*", done.stderr)}


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return measured(tmp_path_factory.mktemp("phone"), 390, dark=False)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return measured(tmp_path_factory.mktemp("desk"), 1100, dark=True)


def test_a_phone_never_scrolls_sideways(phone: dict) -> None:
    assert phone["width"] == 390
    assert phone["scrolls"] == 390
    assert phone["outside"] == []


def test_the_charts_have_a_size_and_stay_readable_on_a_phone_and_on_a_desk(phone: dict, desk: dict) -> None:
    for seen in (phone, desk):
        assert len(seen["charts"]) == 7
        for chart in seen["charts"]:
            left, top, right, bottom = chart["box"]
            assert right - left > 300
            assert bottom - top > 150
            smallest = min(min(text[4] - text[2], text[3] - text[1]) for text in chart["texts"] if len(text[0]) > 3)
            assert smallest > 9


def test_no_text_of_a_chart_overlaps_another_in_a_browser(phone: dict) -> None:
    for chart in phone["charts"]:
        texts = chart["texts"]
        for place, (first, *a) in enumerate(texts):
            for second, *b in texts[place + 1 :]:
                apart = a[2] <= b[0] + 1 or b[2] <= a[0] + 1 or a[3] <= b[1] + 3 or b[3] <= a[1] + 3
                assert apart, (chart["name"], first, second)


def test_hostile_text_is_shown_as_text_in_a_browser(phone: dict) -> None:
    assert phone["scripts"] == phone["images"] == 0
    assert "owned" not in phone["top"]
    assert phone["title"] == HOSTILE
    assert phone["text"].count(HOSTILE) >= 3
    assert "\x1b" not in phone["text"]


def test_the_browser_has_nothing_to_complain_of(phone: dict, desk: dict) -> None:
    assert phone["console"] == desk["console"] == []


def test_the_page_is_light_by_day_and_dark_by_night(phone: dict, desk: dict) -> None:
    def brightness(color: str) -> float:
        return sum(map(float, re.findall(r"[\d.]+", color)[:3])) / 3

    assert brightness(phone["background"]) > 230 > 80 > brightness(phone["color"])
    assert brightness(desk["background"]) < 40 < 200 < brightness(desk["color"])
