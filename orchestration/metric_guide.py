"""What figures mean, read from where they are defined: the semantic layer's metrics and the marts' own columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from ingestion.settings import PROJECT_ROOT

MODELS = PROJECT_ROOT / "dbt_project" / "models"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Metric:
    """One metric of the semantic layer; `formula` in the names of other metrics or of the model's column."""

    name: str
    label: str
    description: str
    formula: str
    model: str


@cache
def metrics() -> dict[str, Metric]:
    """Metrics by name, in the order of models/semantic/sales.yml."""
    read = yaml.load((MODELS / "semantic" / "sales.yml").read_text(encoding="utf-8"), _LOADER)
    models = {
        measure["name"]: (measure.get("expr", measure["name"]), measure["agg"], _model_of(semantic))
        for semantic in read["semantic_models"]
        for measure in semantic.get("measures", ())
    }
    found: dict[str, Metric] = {}
    for given in read["metrics"]:
        formula, model = _formula(given["type_params"], models, found)
        found[given["name"]] = Metric(given["name"], given["label"], given["description"], formula, model)
    return found


@cache
def columns(model: str) -> dict[str, str]:
    """{column: description} of a published model, from the yml beside it; empty where the model is not known."""
    for path in sorted((MODELS / "marts").rglob("*.yml")):
        text = path.read_text(encoding="utf-8")
        if f"name: {model}\n" not in text:
            continue
        for given in yaml.load(text, _LOADER).get("models", ()):
            if given["name"] == model:
                return {column["name"]: " ".join(column.get("description", "").split()) for column in given["columns"]}
    return {}


def _model_of(semantic: Mapping[str, Any]) -> str:
    """`ref('mart_sales_monthly')` names mart_sales_monthly."""
    return str(semantic["model"]).split("'")[1]


def _formula(
    params: Mapping[str, Any], measures: Mapping[str, tuple[str, str, str]], found: Mapping[str, Metric]
) -> tuple[str, str]:
    """(formula, model) of a metric from its type_params; metrics it is made of come before it in the file."""
    if "measure" in params:
        expression, aggregate, model = measures[params["measure"]]
        return f"{aggregate}({expression})", model
    if "numerator" in params:
        return f"{params['numerator']} / {params['denominator']}", found[params["numerator"]].model
    return params["expr"], found[params["metrics"][0]["name"]].model
