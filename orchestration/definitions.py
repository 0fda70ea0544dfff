"""Everything Dagster sees, merged: assets from the registry and the dbt project, the audit, the jobs, the schedules."""

from __future__ import annotations

import dagster as dg

from ingestion.settings import load_settings
from orchestration.audit import audit_checks
from orchestration.home import Home
from orchestration.ingest import ingest_assets
from orchestration.month_end_job import month_begins, month_end, month_ends
from orchestration.publish import DATA, META
from orchestration.release import FRESH_TABLE, KEY, publication
from orchestration.resources import RunRequest
from orchestration.transform import models

settings = load_settings()
Home(settings.home).prepare()
Home(settings.home).export()

dbt_models = models(settings)
tables = {key for key in dbt_models.keys if key.path[0] in DATA or (key.path[0] == "meta" and key.path[1] in META)}
dbt_models = dbt_models.map_asset_specs(
    lambda spec: spec.replace_attributes(freshness_policy=FRESH_TABLE) if spec.key in tables else spec
)
published = publication(tables)
checks = audit_checks()

refresh = dg.define_asset_job(
    "refresh", selection=dg.AssetSelection.all(), description="Extract, load, build, audit, publish."
)
publish_only = dg.define_asset_job(
    "publish",
    selection=dg.AssetSelection.assets(KEY) | dg.AssetSelection.checks(*checks),
    description="Audit and publish the warehouse as it stands.",
)
hourly = dg.ScheduleDefinition(job=refresh, cron_schedule="5 * * * *", execution_timezone="UTC")

defs = dg.Definitions(
    assets=[*ingest_assets(settings.connections), dbt_models, published],
    asset_checks=checks,
    jobs=[refresh, publish_only, month_end],
    schedules=[hourly, month_begins(refresh, settings), month_ends(settings)],
    resources={"request": RunRequest()},
    executor=dg.in_process_executor,
)
