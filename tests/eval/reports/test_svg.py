from __future__ import annotations

import doctest
import itertools
import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from eval.reports import scale, wording
from eval.reports.scale import Axis, Scale, cut, log_ticks, round_ticks, text_width
from eval.reports.svg import Bar, Series, bar_chart, line_chart, matrix

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</svg><script>alert(1)</script>&\"'"
TWELVE = (
    "bug", "enhancement", "documentation", "question", "good first issue", "help wanted",
    "area: user interface and more", "ci/cd", "performance", "security", "maintenance", "backwards incompatible change",
)  # fmt: skip
LINE = Series("linear", ((8, 0.41), (64, 0.58), (512, 0.66)), band=((0.35, 0.46), (0.55, 0.6), (0.65, 0.67)))


def chart(**more: object) -> str:
    x, y = Axis("training issues", ticks=(8.0, 64.0, 512.0), log=True), Axis("micro-F1")
    return line_chart([LINE, Series.level("zero-shot", 0.5)], x, y, title="curve", **more)  # type: ignore[arg-type]


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(
        svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) if "xmlns" not in svg else svg
    )


def said(svg: str) -> list[str]:
    return [element.text or "" for element in parsed(svg).iter(f"{SVG}text")]


def boxes(svg: str) -> list[tuple[str, float, float, float, float]]:
    """Every text that is not turned: (text, left, top, right, bottom), by the estimated width."""
    found = []
    for element in parsed(svg).iter(f"{SVG}text"):
        if element.get("transform"):
            continue
        text, x, y = element.text or "", float(element.attrib["x"]), float(element.attrib["y"])
        width, kinds = text_width(text), element.attrib["class"].split()
        left = x - width if "end" in kinds else x - width / 2 if "mid" in kinds else x
        found.append((text, left, y - 10, left + width, y + 3))
    return found


def overlapping(svg: str) -> list[tuple[str, str]]:
    return [
        (first[0], second[0])
        for first, second in itertools.combinations(boxes(svg), 2)
        if min(first[3], second[3]) > max(first[1], second[1]) + 0.5
        if min(first[4], second[4]) > max(first[2], second[2])
    ]


@pytest.mark.parametrize("module", [scale, wording])
def test_the_examples_in_the_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.413, 0.427), (-3.0, 1200.0), (0.9, 0.91)])
def test_ticks_are_round_and_enclose_the_data(low: float, high: float) -> None:
    ticks = round_ticks(low, high)
    steps = np.diff(ticks)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 3 <= len(ticks) <= 9
    assert np.allclose(steps, steps[0])
    assert re.fullmatch(r"[125]\.0+e[+-]\d+", f"{steps[0]:e}")


def test_a_logarithmic_axis_gives_equal_factors_equal_room() -> None:
    run = Scale.fit(Axis(log=True, ticks=(8, 16, 32)), [8, 32], 0, 100)
    assert [run(value) for value in (8, 16, 32)] == pytest.approx([0, 50, 100])
    assert log_ticks(3, 60) == (5, 10, 20, 50)


@pytest.mark.parametrize("log", [False, True])
def test_a_single_value_still_has_an_axis(log: bool) -> None:
    run = Scale.fit(Axis(log=log), [64.0], 0, 100)
    assert 0 < run(64.0) < 100
    assert run.ticks


def test_values_outside_the_span_are_drawn_at_its_edge() -> None:
    run = Scale.fit(Axis(span=(0.0, 1.0)), [5.0], 10, 110)
    assert (run(-3), run(7)) == (10, 110)


def test_a_standalone_chart_is_an_xml_document_with_its_own_colours_light_and_dark() -> None:
    root = ET.fromstring(chart(standalone=True))
    style = root.findtext(f"{SVG}style") or ""
    assert "prefers-color-scheme:dark" in style
    assert "--c0" in style


def test_a_chart_in_a_page_leaves_the_style_to_the_page() -> None:
    assert "<style" not in chart()
    assert "xmlns" not in chart()


def test_a_chart_tells_a_screen_reader_what_it_is() -> None:
    root = parsed(chart(description="quality rises"))
    title, description = root[0], root[1]
    assert root.get("role") == "img"
    assert (title.text, description.text) == ("curve", "quality rises")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


def test_lines_go_through_their_points_and_bands_lie_around_them() -> None:
    paths = [element.get("d", "") for element in parsed(chart()).iter(f"{SVG}path")]
    band, line, level = ([tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", d)] for d in paths)
    assert len(band) == 2 * len(line) == 6
    for (x, y), upper, lower in zip(line, band[:3], reversed(band[3:]), strict=True):
        assert upper[0] == x == lower[0]
        assert upper[1] < y < lower[1]
    assert line[1][0] - line[0][0] == pytest.approx(line[2][0] - line[1][0], abs=0.2)
    assert (level[0][0], level[1][0]) == (line[0][0], line[2][0])
    assert level[0][1] == level[1][1]


def test_points_that_are_not_numbers_are_left_out() -> None:
    svg = line_chart([Series("a", ((0, math.nan), (1, 0.5), (2, 0.6)))], Axis(), Axis(), title="t")
    assert "nan" not in svg
    assert svg.count("<circle") == 2


def test_a_mark_is_drawn_as_a_ring_with_its_figures() -> None:
    line = Series("ours", ((0.0, 1.0), (1.0, 0.5)), mark=(0.7, 0.9))
    svg = line_chart([line], Axis(percent=True), Axis(percent=True), title="t")
    ring = next(element for element in parsed(svg).iter(f"{SVG}circle") if element.get("class") == "ring")
    assert ring.findtext(f"{SVG}title") == "ours, as set: 90% at 70%"


def test_tick_labels_that_would_touch_are_left_out() -> None:
    sizes = (8.0, 1000.0, 1010.0, 1020.0)
    svg = line_chart([Series("a", tuple((x, 0.5) for x in sizes))], Axis(ticks=sizes, log=True), Axis(), title="t")
    assert "1,000" in said(svg)
    assert "1,010" not in said(svg)
    assert overlapping(svg) == []


def test_a_legend_of_many_names_goes_on_in_new_lines() -> None:
    lines = [Series(name, ((0, place), (1, place + 1))) for place, name in enumerate(TWELVE)]
    svg = line_chart(lines, Axis("x"), Axis("y"), title="t")
    assert set(TWELVE) <= set(said(svg))
    assert overlapping(svg) == []
    assert all(right <= 420 for *_, right, _ in boxes(svg))


def test_bars_of_twelve_labels_do_not_run_into_each_other() -> None:
    bars = [
        Bar(name, 0.5 + place / 30, 0.4, 0.95, 0.6, f"n = {10 ** (place % 6)}") for place, name in enumerate(TWELVE)
    ]
    svg = bar_chart(bars, Axis("F1", span=(0.0, 1.0)), title="t", legend=["ours", "TF-IDF + logistic regression"])
    assert overlapping(svg) == []
    assert all(left + 0.5 >= 0 and right <= 420.5 for _, left, _, right, _ in boxes(svg))


def test_bars_are_as_long_as_their_values() -> None:
    svg = bar_chart([Bar("a", 0.25), Bar("b", 0.5), Bar("c", math.nan)], Axis(span=(0.0, 1.0)), title="t")
    long = [
        float(element.attrib["width"]) for element in parsed(svg).iter(f"{SVG}rect") if "bar" in element.attrib["class"]
    ]
    assert long[1] == pytest.approx(2 * long[0], abs=0.2)
    assert len(long) == 2
    assert "–" in said(svg)


def test_a_name_too_long_is_cut_and_whole_in_its_title() -> None:
    name = "a label with a name that goes on and on and on"
    texts = parsed(bar_chart([Bar(name, 0.5)], Axis(), title="t")).iter(f"{SVG}text")
    element = next(one for one in texts if (one.text or "").startswith("a label"))
    assert element.text is not None
    assert element.text.endswith("…")
    assert element.findtext(f"{SVG}title") == name
    assert text_width(cut(name, 100)) <= 100


def test_a_matrix_of_twelve_labels_shows_its_counts_and_fits() -> None:
    counts = np.zeros((12, 12), dtype=int)
    counts[3, 1], counts[0, 11] = 23, 4
    svg = matrix(TWELVE, counts, title="t")
    assert overlapping(svg) == []
    assert {"23", "4"} <= set(said(svg))
    titles = [element.findtext(f"{SVG}title") for element in parsed(svg).iter(f"{SVG}rect")]
    assert "question → enhancement: 23" in titles
    assert all(right <= 420.5 for *_, right, _ in boxes(svg))


@pytest.mark.parametrize(
    "svg",
    [
        line_chart(
            [Series(HOSTILE, ((0, 1), (1, 2)))] * 2, Axis(HOSTILE), Axis(HOSTILE), title=HOSTILE, description=HOSTILE
        ),
        bar_chart([Bar(HOSTILE, 0.5, note=HOSTILE)], Axis(HOSTILE), title=HOSTILE, legend=[HOSTILE]),
        matrix([HOSTILE], np.ones((1, 1), dtype=int), title=HOSTILE),
    ],
)
def test_names_cannot_write_markup(svg: str) -> None:
    root = parsed(svg)
    assert root[0].text == HOSTILE
    assert not list(root.iter(f"{SVG}script"))
    assert "<script" not in svg
