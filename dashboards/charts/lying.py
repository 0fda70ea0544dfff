"""Charts whose bars lie: long names fit at 390 pixels in any language, and every bar has its figure beside it."""

from __future__ import annotations

from typing import Any

import altair as alt

from dashboards.charts.frame import amounts, chart, kinds, layered, names, row_height

PLAIN = {"level": "blue"}
UP_DOWN = {"level": "grey", "up": "blue", "down": "orange"}
EXITS = {
    "forward": "blue", "won": "green", "backward": "yellow", "other": "purple", "lost": "orange", "still_there": "grey",
}  # fmt: skip


def bars(data: str, colours: dict[str, str] | None = None, kind: str = "money") -> alt.LayerChart:
    """Rows {label, start, end, top, text, kind, tip}: from start to end, the text beside the end."""
    base = chart(data, row_height()).encode(y=names(), tooltip="tip:N")
    x = alt.X("start:Q", title=None, axis=amounts(kind), scale=alt.Scale(nice=False))
    bar = base.mark_bar(height={"band": 0.66}).encode(x=x, x2="end:Q", color=kinds(colours or PLAIN, legend=False))
    return layered(bar, *beside(base))


def beside(base: alt.Chart) -> list[alt.Chart]:
    """The text of a row at `top`; and nothing at `edge`, as far right as the longest text needs: Vega cuts it off."""
    text = base.mark_text(align="left", dx=6, color="var(--ink)").encode(x="top:Q", text="text:N")
    return [text, base.mark_point(opacity=0).encode(x="edge:Q")]


def pairs(data: str, colours: dict[str, str]) -> alt.LayerChart:
    """Rows as of `bars`, two kinds a label, one below the other."""
    base = chart(data, alt.Step(36, **{"for": "position"})).encode(
        y=names(), yOffset=alt.YOffset("kind:N", sort=list(colours)), tooltip="tip:N"
    )
    x = alt.X("start:Q", title=None, axis=amounts("percent"), scale=alt.Scale(nice=False))
    bar = base.mark_bar(height={"band": 0.85}).encode(x=x, x2="end:Q", color=kinds(colours))
    return layered(bar, *beside(base))


def shares(data: str) -> alt.LayerChart:
    """Rows {label, kind, value, share, middle, text, tip}: parts of each line's whole."""
    base = chart(data, row_height(34)).encode(y=names(), tooltip="tip:N")
    axis = amounts("percent")
    bar = base.mark_bar(height={"band": 0.7}, cornerRadiusEnd=0, stroke="var(--card)", strokeWidth=1).encode(
        x=alt.X("start:Q", title=None, axis=axis, scale=alt.Scale(domain=[0, 1])), x2="end:Q", color=kinds(EXITS)
    )
    text = base.mark_text(color="var(--on)", fontSize=11).encode(x="middle:Q", text="text:N")
    return layered(bar, text)


def quota() -> alt.LayerChart:
    """Rows {label, end, text, kind, tip}: won as a share of the quota; the line is the quota."""
    base = chart("now_reps", row_height()).encode(y=names(), tooltip="tip:N")
    x = alt.X("start:Q", title=None, axis=amounts("percent"), scale=alt.Scale(domainMin=0))
    bar = base.mark_bar(height={"band": 0.6}).encode(
        x=x, x2="end:Q", color=kinds({"reached": "green", "near": "blue", "far": "orange", "none": "grey"})
    )
    goal = base.mark_tick(color="var(--ink)", thickness=2, size=24).encode(x="goal:Q")
    return layered(bar, goal, *beside(base))


def teams() -> alt.LayerChart:
    """Rows {label, won, low, mid, high, goal, kind, tip}: won, the month's forecast interval, and the quota's line."""
    base = chart("now_teams", row_height(38)).encode(y=names(), tooltip="tip:N")
    x = alt.X("start:Q", title=None, axis=amounts(), scale=alt.Scale(domainMin=0))
    won = base.mark_bar(height={"band": 0.5}, color="var(--blue)").encode(x=x, x2="won:Q")
    span = base.mark_rule(strokeWidth=3, color="var(--ink2)").encode(x="low:Q", x2="high:Q")
    middle = base.mark_point(filled=True, size=55, color="var(--ink)", opacity=1).encode(x="mid:Q")
    goal = base.mark_tick(color="var(--orange)", thickness=3, size=28).encode(x="goal:Q")
    return layered(won, span, middle, goal)


def days() -> alt.LayerChart:
    """Rows {label, median, p75, p90, usual, top, text, tip}: days until half, three quarters, nine tenths have left."""
    base = chart("stage_days", row_height(32)).encode(y=names(), tooltip="tip:N")
    x = alt.X("start:Q", title=None, axis=amounts("days"), scale=alt.Scale(domainMin=0))
    line = base.mark_rule(strokeWidth=2, color="var(--axis)").encode(x=x, x2="top:Q")
    marks: list[Any] = [line]
    marks.append(base.mark_tick(color="var(--orange)", thickness=3, size=20).encode(x="usual:Q"))
    for field, size in (("p90", 40), ("p75", 75), ("median", 130)):
        opacity = {"p90": 0.45, "p75": 0.7, "median": 1}[field]
        marks.append(
            base.mark_point(filled=True, size=size, color="var(--blue)", opacity=opacity).encode(x=f"{field}:Q")
        )
    return layered(*marks, *beside(base))


def rates(data: str) -> alt.LayerChart:
    """Rows {label, rate, low, high, top, text, tip}: a rate with its interval."""
    base = chart(data, row_height(28)).encode(y=names(), tooltip="tip:N")
    x = alt.X("low:Q", title=None, axis=amounts("percent"), scale=alt.Scale(domainMin=0))
    span = base.mark_rule(strokeWidth=3, strokeCap="round", color="var(--blue)", strokeOpacity=0.4).encode(
        x=x, x2="high:Q"
    )
    dot = base.mark_point(filled=True, size=80, color="var(--blue)", opacity=1).encode(x="rate:Q")
    return layered(span, dot, *beside(base))
