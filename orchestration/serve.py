"""`funnel serve`: Dagster's webserver and daemon over the definitions, with FUNNEL_HOME's history."""

from __future__ import annotations

import os
import sys

from ingestion.settings import PROJECT_ROOT, Settings
from orchestration.home import Home


def serve(settings: Settings, host: str, port: int) -> int:
    """Replace this process by `dagster dev`; returns only if that could not be started."""
    from orchestration.dbt_build import manifest

    home = Home(settings.home)
    home.prepare()
    home.export()
    manifest(settings)  # once here, not in each of dagster's processes
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PROJECT_ROOT), os.environ.get("PYTHONPATH")]))
    print(f"Dagster on http://{host}:{port} (Ctrl-C ends it); home {home.root}", file=sys.stderr, flush=True)
    command = ["-m", "dagster", "dev", "-m", "orchestration.definitions", "-h", host, "-p", str(port)]
    os.chdir(home.root)
    os.execv(sys.executable, [sys.executable, *command])
