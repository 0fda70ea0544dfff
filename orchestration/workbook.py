"""Sheets into one formatted .xlsx: numbers as numbers, months as dates, no formula, the same bytes every time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from orchestration.finance import Sheet

CELLS = 120_000
"""A sheet's: a second to write. What is beyond is in the CSV, and the sheet says so."""
WIDTHS = (9, 70)
"""Of columns, in characters."""
A_LINE = 64
"""Characters that fit a line of the widest column, in bold too."""
LINE_HEIGHT = 13.5
"""Points."""
HEADER = 3
"""Row of the header, from 0: title, what the sheet is about, an empty line."""
WIDE = 24
"""Columns that still can be read when they are printed on the width of one page."""
MONEY = "#,##0.00;[Red]-#,##0.00"
WHOLE = "#,##0;[Red]-#,##0"
WITHOUT_MINOR = frozenset({"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV",
                           "XAF", "XOF", "XPF"})  # fmt: skip
"""Currencies that have no smaller unit (ISO 4217)."""
INK, PALE, LINE = "#1F3864", "#DCE6F1", "#BFBFBF"


class Book:
    """A workbook under way, with each format made once."""

    def __init__(self, path: Path, as_of: datetime) -> None:
        import xlsxwriter

        self.book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False})
        self.book.set_properties({"title": "funnel: finance", "created": as_of.replace(tzinfo=None)})
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}

    def format(self, **given: Any) -> Any:
        key = tuple(sorted(given.items()))
        if key not in self._formats:
            self._formats[key] = self.book.add_format(
                {"font_name": "Calibri", "font_size": 10, "valign": "top", **given}
            )
        return self._formats[key]


def save(path: Path, sheets: Sequence[Sheet], publication: str, as_of: datetime) -> None:
    """Write the workbook. Errors: OSError."""
    made = Book(path, as_of)
    try:
        for sheet in sheets:
            _add(made, sheet, publication)
    finally:
        made.book.close()


def _add(made: Book, sheet: Sheet, publication: str) -> None:
    page = made.book.add_worksheet(sheet.title[:31])
    page.hide_gridlines(2)
    page.set_row(0, 22)
    page.write_string(0, 0, sheet.title, made.format(bold=True, font_size=14, font_color=INK))
    shown = sheet.rows[: max(1, CELLS // max(1, len(sheet.columns)))]
    about = sheet.about
    if len(shown) < len(sheet.rows):
        about += f" The first {len(shown):,} of {len(sheet.rows):,} rows; all of them: finance/{sheet.name}.csv."
    page.write_string(1, 0, about, made.format(italic=True, font_color="#595959"))
    _print_setup(page, sheet, publication)
    if not sheet.columns or not sheet.rows:
        page.write_string(HEADER, 0, f"Nothing to show. {sheet.missing}", made.format(bold=True))
    if not sheet.columns:
        return
    first = HEADER if sheet.rows else HEADER + 2
    head = made.format(
        bold=True,
        font_color="#FFFFFF",
        bg_color=INK,
        text_wrap=True,
        border=1,
        border_color=LINE,
        align="left",
        indent=1,
    )
    for column, name in enumerate(sheet.columns):
        page.write_string(first, column, label(name), head)
    page.set_row(first, 30)
    for number, row in enumerate(shown, first + 1):
        _write_row(made, page, sheet, number, row)
    for column, name in enumerate(sheet.columns):
        page.set_column(column, column, _width(name, [row[column] for row in shown[:500]]))
    page.freeze_panes(first + 1, sheet.frozen)
    if shown:
        page.autofilter(first, 0, first + len(shown), len(sheet.columns) - 1)


def _print_setup(page: Any, sheet: Sheet, publication: str) -> None:
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1 if len(sheet.columns) <= WIDE else 2, 0)
    page.repeat_rows(HEADER)
    page.set_footer(f"&L{sheet.title}&C{publication}&RPage &P of &N")


def _write_row(made: Book, page: Any, sheet: Sheet, number: int, row: tuple[Any, ...]) -> None:
    strong = bool(sheet.strong) and sheet.strong in row[: sheet.frozen + 1]
    given = {"bold": True, "bg_color": PALE} if strong else {}
    money = MONEY
    if sheet.native and row[sheet.columns.index("currency")] in WITHOUT_MINOR:
        money = WHOLE
    for column, value in enumerate(row):
        name = sheet.columns[column]
        shown = partial(made.format, **given)
        if value is None:
            page.write_blank(number, column, None, shown())
        elif isinstance(value, bool):
            page.write_string(number, column, "yes" if value else "no", shown(align="center"))
        elif isinstance(value, date):
            monthly = name in ("month", "target_month")
            page.write_datetime(number, column, _midnight(value), shown(
                num_format="mmm yyyy" if monthly else "yyyy-mm-dd", align="left", indent=1))  # fmt: skip
        elif isinstance(value, Decimal | float):
            pattern = "0.0%" if name in sheet.shares else money if isinstance(value, Decimal) else "0.00"
            page.write_number(number, column, float(value), shown(num_format=pattern))
        elif isinstance(value, int):
            page.write_number(number, column, value, shown(num_format="#,##0"))
        else:
            wraps = len(value) > A_LINE
            page.write_string(number, column, value, shown(text_wrap=wraps, align="left", indent=1))
    longest = max((len(value) for value in row if isinstance(value, str)), default=0)
    if longest > A_LINE:  # programs do not agree on when a row grows with its text
        page.set_row(number, LINE_HEIGHT * -(-longest // A_LINE))


def label(name: str) -> str:
    """A column's name for people: `won_amount_now` is `Won amount now`."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _width(name: str, values: Sequence[Any]) -> float:
    """Wide enough for what is in the column and for the longest word of its name."""
    needed = max((len(f"{v:,.2f}" if isinstance(v, Decimal) else str(v)) for v in values if v is not None), default=0)
    words = max(max(len(word) for word in label(name).split()) + 2, len(label(name)) / 2 + 2)
    return float(min(max(WIDTHS[0], needed + 2, words), WIDTHS[1] + 2))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 a date's cell has no zone
