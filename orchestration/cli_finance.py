"""The commands of the console script for people who ask about published figures: `funnel explain`, `funnel digest`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any


def register(commands: Any, add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to the console script's parser."""
    asked = add(commands, "explain", _explain, "why a published figure is what it is: vintage, deals, what moved it",
                "funnel explain 2026-06 won_revenue\n  funnel explain 2026-06 win_rate --pipeline Sales\n"
                "  funnel explain 2026-09 forecast_revenue --top 25 --json")  # fmt: skip
    asked.add_argument("month", metavar="MONTH", help="as 2026-06")
    asked.add_argument("metric", metavar="METRIC", help="won_revenue, forecast_revenue, or a metric of the semantic "
                       "layer; one that is not known names those that are")  # fmt: skip
    asked.add_argument("--pipeline", metavar="NAME", help="of this pipeline only (its key or name)")
    asked.add_argument("--team", metavar="NAME", help="of this team only, as it was at the time (its key or name)")
    asked.add_argument("--top", metavar="N", type=int, default=10, help="deals to list; default: %(default)s")

    told = add(commands, "digest", _digest, "what changed since the last digest, follow-ups due, who is near quota",
               "funnel digest\n  funnel digest --send")  # fmt: skip
    told.add_argument("--send", action="store_true", help="post it to FUNNEL_DIGEST_WEBHOOK now, due or not")


def _digest(options: argparse.Namespace) -> int:
    from orchestration import digest, shape
    from orchestration.errors import FAILED

    settings = shape.load()
    if options.send:
        taken = digest.send(settings)
        message = "The digest was taken." if taken else "Nobody took the digest; logs/funnel.log says why."
        print(json.dumps({"code": 0 if taken else FAILED, "message": message}) if options.json else message)
        return 0 if taken else FAILED
    made = digest.collect(settings)
    print(json.dumps(made, ensure_ascii=False) if options.json else made["text"])
    return 0


def _explain(options: argparse.Namespace) -> int:
    from orchestration import shape, why, why_text

    scope = {"pipeline": options.pipeline, "team": options.team}
    found = why.collect(shape.load(), options.month, options.metric, **scope, top=max(options.top, 0))
    print(json.dumps(found, ensure_ascii=False, default=str) if options.json else why_text.text(found))
    return 0
