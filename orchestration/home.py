"""FUNNEL_HOME: where everything a run leaves behind lies, and small files written whole or not at all."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DAGSTER_YAML = """\
# Written by funnel at every start; edits are lost.
telemetry: {{enabled: false}}
freshness: {{enabled: true}}
concurrency:
  runs: {{max_concurrent_runs: 1}}
  pools: {{granularity: op, default_limit: 1}}
run_monitoring: {{enabled: true, free_slots_after_run_end_seconds: 60}}
# Capturing the output of every step would start two processes a step and break the progress bar.
compute_logs: {{module: dagster._core.storage.noop_compute_log_manager, class: NoOpComputeLogManager}}
python_logs:
  python_log_level: INFO
  managed_python_loggers: [funnel]
  dagster_handler_config:
    handlers:
      file:
        class: logging.handlers.RotatingFileHandler
        level: INFO
        filename: {log}
        maxBytes: 10000000
        backupCount: 5
"""


@dataclass(frozen=True)
class Home:
    """The folders and files of one FUNNEL_HOME; `root` is absolute."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "run.lock"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def published(self) -> Path:
        return self.root / "published"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def target(self) -> Path:
        return self.root / "target"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def log(self) -> Path:
        return self.logs / "funnel.log"

    @property
    def data_docs(self) -> Path:
        return self.root / "docs" / "data_docs"

    @property
    def rates(self) -> Path:
        return self.root / "rates.csv"

    @property
    def targets(self) -> Path:
        return self.root / "targets.csv"

    @property
    def adjustments(self) -> Path:
        """What management says instead of the forecast (orchestration/adjustments.py)."""
        return self.root / "adjustments.csv"

    @property
    def ledger(self) -> Path:
        """What the books say was won (orchestration/tie_out.py)."""
        return self.root / "ledger.csv"

    @property
    def vintages(self) -> Path:
        """Frozen forecasts and waivers (orchestration/vintages.py): never rewritten, not to be made again."""
        return self.root / "vintages"

    @property
    def models(self) -> Path:
        """dbt models of the user's own."""
        return self.root / "models"

    @property
    def vendors(self) -> Path:
        """Vendors of the user's own, a folder each (ingestion/registry.py)."""
        return self.root / "vendors"

    @property
    def packages(self) -> Path:
        """Where dbt looks for packages (packages-install-path of dbt_project.yml)."""
        return self.target / "packages"

    @property
    def digest(self) -> Path:
        """Of when the last digest told (orchestration/digest.py)."""
        return self.root / "digest.json"

    @property
    def last_run(self) -> Path:
        """Outcome of the newest run, published or not, for `funnel status`."""
        return self.logs / "last_run.json"

    @property
    def alerts(self) -> Path:
        """What was told of what is wrong (orchestration/alerts.py)."""
        return self.root / "alerts.json"

    @property
    def sources(self) -> Path:
        """Up to when each source came through whole (orchestration/freshness.py)."""
        return self.root / "sources.json"

    @property
    def version(self) -> Path:
        """Which release's shape this home has (orchestration/shape.py)."""
        return self.root / "version.json"

    def prepare(self) -> None:
        """Make the folders and dagster.yaml. Errors: OSError (read-only, full)."""
        for folder in (self.dagster, self.target, self.logs, self.published / "releases"):
            folder.mkdir(parents=True, exist_ok=True)
        text = DAGSTER_YAML.format(log=json.dumps(str(self.logs / "dagster.log")))
        path = self.dagster / "dagster.yaml"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_atomically(path, text)

    def export(self) -> None:
        """Tell dagster and dbt, which read the environment, where home is."""
        os.environ["FUNNEL_HOME"] = str(self.root)
        os.environ["DAGSTER_HOME"] = str(self.dagster)


def write_atomically(path: Path, text: str) -> None:
    """Replace a small file: readers see the old text or the new one, after a power cut as well."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where the file is absent or not whole."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None
