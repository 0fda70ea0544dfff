"""The command line of the stand-in: its options, and the world they ask for."""

from __future__ import annotations

import argparse
from pathlib import Path

from ingestion.sandbox.replay import replay
from ingestion.sandbox.world import NOW, World

TOKEN = "sandbox-token"


def world(options: argparse.Namespace) -> World:
    if options.dataset:
        return replay(options.dataset, end=options.dataset_end, now=options.now, by=options.segments)
    return World(seed=options.seed, deals=options.deals, months=options.months, now=options.now or NOW)


def options_of(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="funnel sandbox", description="A local stand-in of HubSpot's API.")
    add = parser.add_argument
    add("--port", type=int, default=0, help="0 takes a free one")
    add("--port-file", type=Path, help="the port is written here once the server answers")
    add("--deals", type=int, default=2_000, help="deals made before the world's now")
    add("--months", type=int, default=24)
    add("--seed", type=int, default=7)
    add("--now", help=f"the world's clock at the start (ISO; default {NOW})")
    add("--dataset", type=Path, help="replay a canonical transitions.csv[.gz] instead of the seeded world")
    add("--dataset-end", help="shift the data set so that its last event falls on this instant (ISO)")
    add("--segments", choices=("owner", "pipeline"), default="owner", help="what a data set's segments become")
    add("--token", default=TOKEN, help="the bearer token that is accepted")
    add("--vendors", type=Path, help="a folder of vendors of one's own, whose sandbox.py answer, too")
    add(
        "--split",
        type=lambda text: text.split(","),
        default=(),
        metavar="CRM,CRM",
        help="split the world's deals over these",
    )
    add("--latency", type=float, default=0.0, help="seconds every answer takes")
    add("--rate", type=int, default=190, help="requests per 10 s (0: no limit)")
    add("--search-rate", type=int, default=5, help="searches a second (0: no limit)")
    add("--daily", type=int, default=650_000)
    add("--without-scope", action="append", default=[], metavar="SCOPE", help="e.g. crm.objects.leads.read")
    add("--history-cap", type=int, help="newest versions returned of a property's history (default: all)")
    add("--search-lag", type=float, default=0.0, help="seconds (of the world) the search index is behind")
    add("--opaque-paging", action="store_true", help="paging tokens that are no numbers")
    add("--association-page", type=int, default=500)
    return parser.parse_args(argv)
