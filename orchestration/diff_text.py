"""What `funnel diff` found, for people: a line a table, then some of its rows, and the changed figures of marts."""

from __future__ import annotations

from typing import Any


def text(found: dict[str, Any]) -> str:
    """Lines for the terminal."""
    lines = [f"{side}  {_side(found[name])}" for side, name in (("-", "a"), ("+", "b")) if name in found]
    for table in found["tables"]:
        lines += ["", *_table(table)]
    return "\n".join([*lines, "", found["message"], *([found["published"]] if "published" in found else [])])


def _table(table: dict[str, Any]) -> list[str]:
    if "only_in" in table:
        return [f"{table['table']}: only in {'-' if table['only_in'] == 'a' else '+'}"]
    lines = [
        f"{table['table']}: {table['rows_a']:,} → {table['rows_b']:,} rows; {table['added']:,} added, "
        f"{table['removed']:,} removed, {table['changed']:,} changed"
    ]
    if table["changed_columns"]:
        lines.append("  " + ", ".join(f"{name} {count:,}" for name, count in table["changed_columns"].items()))
    for word in ("added", "removed"):
        if names := table[f"columns_{word}"]:
            lines.append(f"  columns {word}: {', '.join(names)}")
    if "figures" in table:
        lines += [_figure(figure) for figure in table["figures"]]
        lines += _rest(table["figures_total"] - len(table["figures"]), "changed figures")
    listed = [row for row in table["rows"] if "figures" not in table or row["change"] != "changed"]
    lines += [_row(row) for row in listed]
    all_rows = table["added"] + table["removed"] + (0 if "figures" in table else table["changed"])
    return lines + _rest(all_rows - len(listed), "rows")


def _figure(figure: dict[str, Any]) -> str:
    key = "  ".join(_word(value) for name, value in figure.items() if name not in ("column", "old", "new"))
    return f"  ~ {key}  {figure['column']}  {_word(figure['old'])} → {_word(figure['new'])}"


def _row(row: dict[str, Any]) -> str:
    mark = {"added": "+", "removed": "-", "changed": "~"}[row["change"]]
    key = "  ".join(_word(value) for value in row["key"].values())
    changes = ", ".join(f"{name} {_word(old)} → {_word(new)}" for name, (old, new) in row["columns"].items())
    return f"  {mark} {key}  {changes}".rstrip()


def _rest(count: int, what: str) -> list[str]:
    return [f"  … and {count:,} more {what} (--limit)"] if count > 0 else []


def _side(side: dict[str, Any]) -> str:
    return f"{side['name']}" + (f" as of {side['as_of'][:19]}" if side["as_of"] else "")


def _word(value: Any) -> str:
    return "null" if value is None else str(value)
