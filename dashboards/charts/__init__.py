"""The drawings: {card: Vega-Lite spec without data}. Importing Altair takes long; `shell.py` keeps the answer."""

from __future__ import annotations

from typing import Any


def specs() -> dict[str, dict[str, Any]]:
    """One spec a card that has a drawing, by the card's id."""
    from dashboards.charts import by_month, lying

    made = {
        "now_stages": lying.bars("now_stages"),
        "now_moves": lying.bars("now_moves", lying.UP_DOWN),
        "now_reps": lying.quota(),
        "now_teams": lying.teams(),
        "now_trend": by_month.columns("now_trend"),
        "funnel_steps": lying.bars("funnel_steps", kind="count"),
        "funnel_cohorts": by_month.rates(),
        "funnel_moves": lying.pairs("funnel_moves", {"skipped": "purple", "backward": "orange"}),
        "stage_days": lying.days(),
        "stage_exits": lying.shares("stage_exits"),
        "losses": lying.bars("losses", {"level": "orange"}),
        "bridge": lying.bars("bridge", lying.UP_DOWN),
        "bridge_months": by_month.flows(),
        "fan": by_month.fan(),
        "components": by_month.stack(),
        "vintages": by_month.vintages(),
        "calibration": by_month.coverage(),
        "methods": lying.bars("methods", {"other": "grey", "ours": "blue"}, kind="percent"),
        "causes": lying.bars("causes", lying.UP_DOWN),
        "channels": lying.bars("channels"),
        "customers": lying.rates("customers"),
    }
    return {name: spec.to_dict() for name, spec in made.items()}
