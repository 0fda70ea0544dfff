"""When things run (Dagster), the one writer of the warehouse, publication, and the command line."""

import os

# Before anything of dagster, dbt or Great Expectations is imported: none of them reports home.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
