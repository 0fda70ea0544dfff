"""Great Expectations as the gate uses it: one ephemeral context a process, a checkpoint a view, Data Docs once a table.

Imported only where something is audited: Great Expectations itself costs seconds.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = 5
DOCS_KEPT = 300
"""Files under Data Docs beyond which they are written anew."""
PAGES = "expectations._pages"


def run(
    name: str, key: Sequence[str], frame: pd.DataFrame, rules: list[Any], docs: Path | None
) -> tuple[Any, list[Any]]:
    """Validate a frame; what to show of it in Data Docs (its identifiers) and the results of its expectations."""
    import great_expectations as gx
    from great_expectations.data_context.types.resource_identifiers import ExpectationSuiteIdentifier

    context = _context(docs)
    batch = (
        context.data_sources.add_or_update_pandas(name)
        .add_dataframe_asset(name)
        .add_batch_definition_whole_dataframe("whole")
    )
    suite = context.suites.add_or_update(gx.ExpectationSuite(name=name, expectations=rules))
    definition = context.validation_definitions.add_or_update(
        gx.ValidationDefinition(name=name, data=batch, suite=suite)
    )
    checkpoint = gx.Checkpoint(
        name=name,
        validation_definitions=[definition],
        result_format={
            "result_format": "SUMMARY",
            "unexpected_index_column_names": list(key),
            "partial_unexpected_count": SAMPLE,
        },
    )
    result = context.checkpoints.add_or_update(checkpoint).run(batch_parameters={"dataframe": frame})
    shown = [*result.run_results, ExpectationSuiteIdentifier(name=name)]
    return shown, [one for validation in result.run_results.values() for one in validation.results]


def write_docs(docs: Path, shown: list[Any]) -> None:
    """Write the pages of these validations and suites, and the index."""
    _context(docs).build_data_docs(site_names=["local"], resource_identifiers=shown)


@cache
def _context(docs: Path | None) -> Any:
    """Nothing of Great Expectations is stored but Data Docs."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    if docs is not None:
        if docs.exists() and sum(1 for _ in docs.rglob("*.html")) > DOCS_KEPT:
            shutil.rmtree(docs)
        view = {"module_name": PAGES, "class_name": "Page"}
        site: Any = {
            "class_name": "SiteBuilder",
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)},
            "site_index_builder": {
                "class_name": "DefaultSiteIndexBuilder", "view": {"module_name": PAGES, "class_name": "Index"},
            },
            "site_section_builders": {
                "expectations": {"view": view}, "validations": {"view": view}, "profiling": "None",
            },
        }  # fmt: skip
        context.add_data_docs_site("local", site)
    return context
