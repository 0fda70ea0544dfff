"""The console script `funnel`: a thin layer over the runner. Dagster, dbt and Great Expectations are imported late."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestration import cli_close, cli_finance, cli_undo, collector, page
from orchestration.errors import EXIT_CODES, PUBLISHED, exit_code, explain

Command = Callable[[argparse.Namespace], int]

EPILOG = """\
examples:
  funnel check                         are credentials and scopes good? how are my stages understood?
  funnel run                           extract what changed, build, audit, publish
  funnel run --as-of 2026-03-31        the same, as the world stood at the end of 31 March
  funnel status --json                 what stands published, for machines
  funnel demo                          all of it against a local stand-in, no credentials needed

state lies in FUNNEL_HOME (default: data/ in the project's root); credentials come from the environment or
from .env in the working directory or FUNNEL_HOME, for instance HUBSPOT_ACCESS_TOKEN=pat-...

exit codes:
""" + "\n".join(f"  {code}  {meaning}" for code, meaning in EXIT_CODES.items())


class _Help(argparse.RawDescriptionHelpFormatter):
    """Commands are indented once more than argparse counts: without this the longest one's help wraps."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = 13


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. No traceback reaches the user: it goes to FUNNEL_HOME/logs."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["sandbox"]:  # its own parser, so that its options need no second list here
        return _sandbox(arguments[1:])
    options = _parser().parse_args(arguments)
    collector.gentle()
    logging.raiseExceptions = False  # a full disk is told once, not by every log line that could not be written
    try:
        return int(options.command(options))
    except KeyboardInterrupt:
        print("Interrupted; the last publication stands.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return PUBLISHED
    except Exception as error:  # noqa: BLE001 the edge of the program
        return _failed(error, getattr(options, "json", False))


def _failed(error: Exception, as_json: bool) -> int:
    """Show an error as one paragraph (or one JSON object) and turn it into an exit code."""
    shown = explain(error)
    logger = logging.getLogger("funnel")
    if logger.handlers:  # the log of a home that was found and can be written
        logger.error("command failed", exc_info=error)
    elif shown is not error:
        traceback.print_exception(error)  # a bug before there is a log: better shown than lost
    code = exit_code(shown)
    if as_json:
        print(json.dumps({"code": code, "message": str(shown)}, ensure_ascii=False))
    else:
        print(f"funnel: {shown}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="funnel",
        description="Trustworthy sales-pipeline history: extract from the CRM, build, audit, publish.",
        epilog=EPILOG,
        formatter_class=_Help,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    run = _add(commands, "run", _run, "extract what changed, build, audit and publish",
               "funnel run\n  funnel run --source hubspot --full\n  funnel run --as-of 2026-03-31\n"
               "  funnel run --as-of 2026-03-31 --known-at 2026-04-10T00:00")  # fmt: skip
    run.add_argument("--source", action="append", default=[], metavar="NAME",
                     help="extract this connection only (repeatable); the others keep what they have")  # fmt: skip
    run.add_argument("--full", action="store_true", help="read everything again, not only what changed")
    run.add_argument("--as-of", metavar="INSTANT",
                     help="a date (its end, in the reporting time zone) or an ISO instant (events strictly before it "
                     "count); default: now. Never narrows what is extracted")  # fmt: skip
    cli_close.known_at(run)
    _publishing(run)

    publish = _add(commands, "publish", _publish, "audit and publish the warehouse as it stands, without extracting",
                   "funnel publish\n  funnel publish --publish")  # fmt: skip
    _publishing(publish)

    _add(commands, "status", _status, "what stands published, its age, sources, checks, rejected records, last run",
         "funnel status\n  funnel status --json")  # fmt: skip
    check = _add(commands, "check", _check, "credentials, scopes, reachability; how each stage was understood",
                 "funnel check\n  funnel check --source hubspot")  # fmt: skip
    check.add_argument("--source", action="append", default=[], metavar="NAME", help="this connection only")

    moved = _add(commands, "movements", _movements, "what moved the open pipeline between two dates, to the cent",
                 "funnel movements\n  funnel movements --since yesterday\n  funnel movements --since monday --json\n"
                 "  funnel movements --since 2026-06-01 --until 2026-06-30 --pipeline Sales")  # fmt: skip
    for option, default in (("--since", "the month's first day"), ("--until", "as-of; of a day its end")):
        moved.add_argument(option, metavar="WHEN", help="a date, an instant, today, yesterday, monday or 7d, in the "
                           f"reporting time zone, as the publication's as-of has it; default: {default}")  # fmt: skip
    moved.add_argument("--pipeline", metavar="NAME", help="this pipeline only (its key or name)")
    moved.add_argument("--basis", choices=("all_open", "close_in_month", "close_in_quarter"), default="all_open",
                       help="all open deals, or those to close in the month or fiscal quarter")  # fmt: skip

    tried = _add(commands, "backtest", _backtest, "the forecast at past month ends against what came",
                 "funnel backtest --out backtest\n  funnel backtest --transitions deals.csv --out backtest\n"
                 "  funnel backtest --transitions deals.csv.gz --out backtest --origins 2024-01:2025-06")  # fmt: skip
    tried.add_argument("--transitions", type=Path, metavar="FILE",
                       help="CSV or CSV.gz, a row a stage entry: deal_id, entered_at, stage, kind (open, won, lost), "
                       "amount, expected_close_date, segment[, probability]; default: the warehouse")  # fmt: skip
    tried.add_argument("--out", required=True, type=Path, metavar="DIR",
                       help="forecast_monthly.csv and forecast_accuracy_monthly.csv go there")  # fmt: skip
    tried.add_argument("--origins", metavar="A:B", help="month ends to forecast from, YYYY-MM:YYYY-MM, both included; "
                       "default: all with 12 months of wins behind them")  # fmt: skip

    cli_finance.register(commands, _add)
    cli_close.register(commands, _add)
    cli_undo.register(commands, _add)
    page.register(commands, _add)

    _add(
        commands,
        "docs",
        _docs,
        "dbt's catalogue of models, columns, lineage and metrics as one HTML page",
        "funnel docs",
    )
    serve = _add(commands, "serve", _serve, "Dagster's UI with all assets, checks and the hourly schedule",
                 "funnel serve --port 3000")  # fmt: skip
    serve.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    serve.add_argument("--port", type=int, default=3000, help="default: %(default)s")
    commands.add_parser("sandbox", add_help=False, help="a local stand-in of the CRM's API (see funnel sandbox --help)")
    demo = _add(commands, "demo", _demo, "the whole way against local stand-ins, with its proof",
                "funnel demo\n  funnel demo --sources all")  # fmt: skip
    demo.add_argument("--sources", default="", metavar="all|NAME,NAME",
                      help="which vendors' stand-ins (default: HubSpot and Google Ads)")  # fmt: skip
    demo.add_argument("--deals", type=int, default=2_000, help="deals of the world")
    demo.add_argument("--seed", type=int, default=7, help="another seed, another world")
    return parser


def _add(commands: Any, name: str, command: Command, about: str, examples: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        epilog=f"examples:\n  {examples}\n\nexit codes: see `funnel --help`",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, nothing else")
    parser.set_defaults(command=command)
    return parser


def _publishing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--publish", action="store_true",
                        help="make it current even where its as-of is older than the current one's "
                        "or nothing changed")  # fmt: skip
    parser.add_argument("--accept", action="append", default=[], metavar="CHECK",
                        help="let a comparison with the last audit pass this once, where the source really changed so "
                        "(the refusal names it; repeatable)")  # fmt: skip


def _run(options: argparse.Namespace) -> int:
    from orchestration import runner
    from orchestration.errors import WrongUse
    from orchestration.progress import reporter
    from orchestration.session import Request

    if options.known_at:
        return cli_close.reproduce(options)
    if options.out:
        raise WrongUse("--out goes with --known-at only.", "A run writes to FUNNEL_HOME.")
    settings = _settings(tell=True)
    request = Request(tuple(options.source), options.full, options.as_of, options.publish, tuple(options.accept))
    with reporter(options.json) as tell:
        outcome = runner.run(settings, request, say=tell.say, progress=tell.progress)
    return _conclude(outcome, options.json)


def _publish(options: argparse.Namespace) -> int:
    from orchestration import runner
    from orchestration.progress import reporter
    from orchestration.session import Request

    settings = _settings()
    request = Request(publish=options.publish, accept=tuple(options.accept))
    with reporter(options.json) as tell:
        outcome = runner.publish(settings, request, say=tell.say)
    return _conclude(outcome, options.json)


def _conclude(outcome: Any, as_json: bool) -> int:
    if as_json:
        print(json.dumps(asdict(outcome), ensure_ascii=False))
        return int(outcome.code)
    requests, rows = (sum(s[name] for s in outcome.streams) for name in ("requests", "rows"))
    for warning in outcome.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if outcome.streams:
        print(f"{rows:,} records in {requests:,} requests from {len({s['source'] for s in outcome.streams})} source(s)")
    print(outcome.message, file=sys.stdout if outcome.code == PUBLISHED else sys.stderr)
    return int(outcome.code)


def _status(options: argparse.Namespace) -> int:
    from orchestration import status

    found = status.collect(_settings())
    print(json.dumps(found, ensure_ascii=False, default=str) if options.json else status.text(found))
    return PUBLISHED


def _check(options: argparse.Namespace) -> int:
    from orchestration import checkup
    from orchestration.session import check_sources

    settings = _settings()
    check_sources(settings, tuple(options.source))
    found = checkup.collect(settings, tuple(options.source))
    print(json.dumps(found, ensure_ascii=False, default=str) if options.json else checkup.text(found))
    return checkup.exit_code(found)


def _movements(options: argparse.Namespace) -> int:
    from orchestration import movements

    found = movements.collect(_settings(), options.since, options.until, options.pipeline, options.basis)
    print(json.dumps(found, ensure_ascii=False, default=str) if options.json else movements.text(found))
    return PUBLISHED


def _backtest(options: argparse.Namespace) -> int:
    from orchestration import backtest

    if options.transitions is None:
        found = backtest.backtest_warehouse(_settings().warehouse, options.out, options.origins)
    else:
        found = backtest.backtest_file(options.transitions, options.out, options.origins)
    print(json.dumps(asdict(found), ensure_ascii=False) if options.json else backtest.text(found))
    return PUBLISHED


def _docs(options: argparse.Namespace) -> int:
    from orchestration import catalogue

    print(catalogue.write(_settings()))
    return 0


def _serve(options: argparse.Namespace) -> int:
    from orchestration.serve import serve

    return serve(_settings(), options.host, options.port)


def _sandbox(arguments: list[str]) -> int:
    from ingestion.sandbox.serve import main as sandbox

    return int(sandbox(arguments) or 0)


def _demo(options: argparse.Namespace) -> int:
    from orchestration.demo import main as demo  # type: ignore[import-not-found,unused-ignore]

    return demo(options.deals, options.seed, options.sources)


def _settings(*, tell: bool = False) -> Any:
    from orchestration import shape

    return shape.load(tell=tell)


if __name__ == "__main__":
    sys.exit(main())
