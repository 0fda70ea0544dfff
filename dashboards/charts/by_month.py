"""Charts along months: columns, rates with intervals, the fan, past forecasts."""

from __future__ import annotations

import altair as alt

from dashboards.charts.frame import amounts, chart, kinds, layered, months

PARTS = {"booked": "green", "open_pipeline": "blue", "new_business": "purple"}
FLOWS = {
    "created": "blue", "changed": "purple", "won": "green", "lost": "orange", "other": "grey", "closing": "ink",
}  # fmt: skip


def columns(data: str) -> alt.LayerChart:
    """Rows {month, value, text, kind, tip}: one column a month, paler while the month is running."""
    base = chart(data, 220).encode(x=months(), tooltip="tip:N")
    y = alt.Y("value:Q", title=None, axis=amounts())
    bar = base.mark_bar(width={"band": 0.66}).encode(y=y, color=kinds({"complete": "blue", "running": "blue3"}))
    return layered(bar, base.mark_text(dy=-8, color="var(--ink2)", fontSize=11).encode(y="value:Q", text="text:N"))


def stack() -> alt.LayerChart:
    """Rows {month, kind, value, tip}: the parts of a month's expected revenue; the total above them."""
    base = chart("components", 240).encode(x=months(), tooltip="tip:N")
    y = alt.Y("start:Q", title=None, axis=amounts())
    bar = base.mark_bar(width={"band": 0.7}, cornerRadiusEnd=0).encode(y=y, y2="end:Q", color=kinds(PARTS))
    return layered(bar, base.mark_text(dy=-8, color="var(--ink2)", fontSize=11).encode(y="top:Q", text="text:N"))


def flows() -> alt.LayerChart:
    """Rows {month, kind, start, end, tip}: what came in above zero, what left below it; the line is what is open."""
    base = chart("bridge_months", 280).encode(x=months(), tooltip="tip:N")
    colour = kinds(FLOWS)
    bar = base.transform_filter("datum.kind !== 'closing'").mark_bar(width={"band": 0.7}, cornerRadiusEnd=0)
    line = base.transform_filter("datum.kind === 'closing'").mark_line(
        strokeWidth=2, point={"filled": True, "size": 40}
    )
    y = alt.Y("start:Q", title=None, axis=amounts())
    return layered(bar.encode(y=y, y2="end:Q", color=colour), line.encode(y=alt.Y("start:Q"), color=colour))


def rates() -> alt.LayerChart:
    """Rows {month, rate, low, high, kind, tip}: eventual conversion of a month's cohort, paler while many are open."""
    base = chart("funnel_cohorts", 260).encode(
        x=months(), tooltip="tip:N", color=kinds({"mature": "blue", "young": "blue3"})
    )
    y = alt.Y("low:Q", title=None, scale=alt.Scale(domainMin=0), axis=amounts("percent"))
    span = base.mark_rule(strokeWidth=3, strokeCap="round", strokeOpacity=0.5).encode(y=y, y2="high:Q")
    return layered(span, base.mark_point(filled=True, size=70, opacity=1).encode(y="rate:Q"))


def coverage() -> alt.LayerChart:
    """Rows {label, rate, low, high, goal, tip}: how often what came lay within the interval, by horizon."""
    axis = alt.Axis(labelAngle=0, title="t:horizon", ticks=False, labelPadding=6)
    base = chart("calibration", 220).encode(x=alt.X("label:O", sort=None, axis=axis), tooltip="tip:N")
    y = alt.Y("low:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=amounts("percent"))
    span = base.mark_rule(strokeWidth=3, strokeCap="round", color="var(--blue)", strokeOpacity=0.45).encode(
        y=y, y2="high:Q"
    )
    dot = base.mark_point(filled=True, size=80, color="var(--blue)", opacity=1).encode(y="rate:Q")
    goal = base.mark_line(color="var(--orange)", strokeDash=[5, 4], strokeWidth=1.5).encode(y="goal:Q")
    return layered(goal, span, dot)


def fan() -> alt.LayerChart:
    """Rows {month, kind, value, p10, p90, quota, tip}: what was won, and eight in ten of what may come."""
    base = chart("fan", 320).encode(x=months(scale=alt.Scale(paddingOuter=0.05)))
    colour = kinds({"actual": "ink", "expected": "blue", "quota": "orange"}, shape="stroke")
    ahead = base.transform_filter("datum.kind === 'expected'")
    area = ahead.mark_area(color="var(--blue)", opacity=0.18).encode(
        y=alt.Y("p10:Q", title=None, axis=amounts()), y2="p90:Q"
    )
    y = alt.Y("value:Q", title=None, scale=alt.Scale(domainMin=0), axis=amounts())
    line = base.mark_line(strokeWidth=2.4, point={"filled": True, "size": 36}).encode(y=y, color=colour)
    label = base.mark_text(dy=-12, fontSize=11, color="var(--ink)").encode(y="value:Q", text="text:N")
    hover = base.mark_point(filled=True, size=250, opacity=0).encode(y="value:Q", tooltip="tip:N")
    return layered(area, line, label, hover)


def vintages() -> alt.LayerChart:
    """Rows {month, kind, vintage, value, tip}: past forecasts, one line a month end, and what happened."""
    base = chart("vintages", 280).encode(x=months(scale=alt.Scale(paddingOuter=0.05)))
    colour = kinds({"actual": "ink", "vintage": "blue"}, shape="stroke")
    y = alt.Y("value:Q", title=None, scale=alt.Scale(domainMin=0), axis=amounts())
    past = base.transform_filter("datum.kind === 'vintage'").mark_line(strokeWidth=1.2, opacity=0.6)
    real = base.transform_filter("datum.kind === 'actual'").mark_line(
        strokeWidth=2.6, point={"filled": True, "size": 36}
    )
    hover = base.mark_point(filled=True, size=120, opacity=0).encode(y=y, tooltip="tip:N")
    return layered(past.encode(y=y, color=colour, detail="vintage:N"), real.encode(y=y, color=colour), hover)
