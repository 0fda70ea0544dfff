"""The month's end in Dagster: a refresh in a month's first hour, and the freeze on the closing day; off by default."""
# No `from __future__ import annotations` here: Dagster reads the annotations of steps.

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from ingestion.errors import ConfigError
from ingestion.settings import Settings, load_settings
from orchestration.errors import FunnelError, explain
from orchestration.home import Home
from orchestration.lock import holder


@dg.op(description="Close every month whose closing day has come; takes the lock of a run.")
def close_due_months(context: dg.OpExecutionContext) -> None:
    """Errors: Failure where a month is refused (told as an alert), RunLocked, BuildFailed, VintageDamaged."""
    from orchestration import month_end, runner, shape, signals

    settings = None
    try:
        settings = load_settings()
        home = Home(settings.home)
        shape.check(home)
        home.prepare()
        home.export()
        runner.log_to(home)
        found = month_end.close_due(settings, say=context.log.info)
    except (FunnelError, ConfigError, OSError) as error:
        signals.could_not_start(settings, explain(error))
        raise
    context.log.info(found["message"])
    if found["code"]:
        raise dg.Failure(found["message"], allow_retries=False)


@dg.job(
    description="Freeze the forecast of the months whose closing day has come.", executor_def=dg.in_process_executor
)
def month_end() -> None:
    close_due_months()


def month_begins(refresh: Any, settings: Settings) -> dg.ScheduleDefinition:
    """The provisional vintage of the month that has just ended."""
    return dg.ScheduleDefinition(
        name="month_begins", job=refresh, cron_schedule="35 0 1 * *",
        execution_timezone=settings.config.reporting_timezone,
    )  # fmt: skip


def month_ends(settings: Settings) -> dg.ScheduleDefinition:
    """The freeze: three looks a day, and a run only where something is due and no other run is going."""

    @dg.schedule(
        name="month_end", job=month_end, cron_schedule="45 6,12,18 * * *",
        execution_timezone=settings.config.reporting_timezone,
    )  # fmt: skip
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        from orchestration.month_end import due

        now = load_settings()
        if running := holder(Home(now.home).lock):
            return dg.SkipReason(f"Another run is going: {running}.")
        if months := due(now, datetime.now(UTC)):
            return dg.RunRequest(tags={"funnel/months": " ".join(months)})
        return dg.SkipReason("No month is due to be closed.")

    return schedule
