"""What all charts share: colours, type, axes. A spec holds no data and no text: rows come from the page's script.

Colours are CSS variables (the theme switches without drawing anew); `t:word` is translated by the script; number
formats are functions that the script registers, so that they follow the language.
"""

from __future__ import annotations

from typing import Any

import altair as alt

FONT = "system-ui, -apple-system, Segoe UI, Noto Sans, DejaVu Sans, sans-serif"
"""A real list: Vega measures labels with it, and `inherit` cuts them off."""
ROOM = {"expr": "room()"}
"""Pixels that labels of a lying chart may take; fewer on a telephone."""
CONFIG: dict[str, Any] = {
    "customFormatTypes": True,
    "aria": False,  # the table below each chart is its text; a thousand marks read aloud are none
    "background": "transparent",
    "font": FONT,
    "padding": {"left": 2, "right": 16, "top": 4, "bottom": 2},
    "view": {"stroke": None},
    "bar": {"cornerRadiusEnd": 2},
    "axisBand": {"grid": False, "ticks": False},
    "text": {"fontSize": 12},
    "legend": {
        "orient": "top", "title": None, "labelColor": "var(--ink2)", "labelFontSize": 12, "symbolType": "square",
        "columns": {"expr": "legendColumns()"}, "labelLimit": 220, "offset": 8,
    },
    "axis": {
        "labelColor": "var(--ink2)", "gridColor": "var(--line)", "domainColor": "var(--axis)",
        "tickColor": "var(--axis)", "labelFontSize": 12, "titleColor": "var(--ink2)", "titleFontWeight": "normal",
        "titleFontSize": 12,
    },
}  # fmt: skip


def chart(data: str, height: Any = 240) -> alt.Chart:
    return alt.Chart(alt.NamedData(data), width="container", height=height)


def layered(*marks: Any) -> alt.LayerChart:
    """Marks one over the other, in one drawing."""
    return alt.LayerChart(layer=list(marks))


def names() -> alt.Y:
    """Labels of a lying chart, in the order of the rows."""
    axis = alt.Axis(domain=False, ticks=False, labelLimit=ROOM, labelPadding=8, labelColor="var(--ink)")
    return alt.Y("label:N", sort=None, title=None, axis=axis)


def amounts(kind: str = "money", **more: Any) -> alt.Axis:
    return alt.Axis(formatType=kind, tickCount=4, labelOverlap="greedy", labelSeparation=10, domain=False, **more)


def months(**more: Any) -> alt.X:
    """Months in order, the label thinned out where there is no room."""
    axis = alt.Axis(
        formatType="month", labelOverlap=True, labelSeparation=8, labelAngle=0, labelPadding=7, ticks=False, grid=False
    )
    return alt.X("month:O", title=None, axis=axis, **more)


def kinds(colours: dict[str, str], legend: bool = True, shape: str = "square") -> alt.Color:
    """Colour by `kind`, a word of the page; the legend is in the order given."""
    scale = alt.Scale(domain=list(colours), range=[f"var(--{name})" for name in colours.values()])
    shown = alt.Legend(formatType="word", symbolType=shape, symbolStrokeWidth=3) if legend else None
    return alt.Color("kind:N", scale=scale, legend=shown)


def row_height(pixels: int = 30) -> Any:
    return alt.Step(pixels)
