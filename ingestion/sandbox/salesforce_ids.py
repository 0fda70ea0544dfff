"""Names of the world in Salesforce: 18-character ids made from numbers, stages by ApiName, pipelines as record types.

Shared by the wire's shapes and by the truth: what a thing is called is agreed, what happened each works out alone.
"""

from __future__ import annotations

from ingestion.sandbox.catalog import Catalog

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
PREFIX = {
    "Opportunity": "006", "OpportunityHistory": "008", "OpportunityFieldHistory": "017", "Lead": "00Q",
    "LeadHistory": "01L", "Account": "001", "Contact": "003", "OpportunityContactRole": "00K",
    "OpportunityStage": "01J", "RecordType": "012", "LeadStatus": "01Q", "User": "005", "UserRole": "00E",
    "Group": "00G", "Campaign": "701", "CampaignMember": "00v", "ForecastingQuota": "0J9",
    "DatedConversionRate": "04w", "Organization": "00D", "AsyncQueryJob": "750",
}  # fmt: skip
MASTER = "012000000000000AAA"
"""Record type of what has none."""


def sf_id(kind: str, number: int, second: int | None = None) -> str:
    """18 characters of an object's number; `second` for what belongs to two: six digits for each."""
    digits = _base62(number, 12) if second is None else _base62(number, 6) + _base62(second, 6)
    body = PREFIX[kind] + digits
    return body + "".join(
        _CHECK[sum(1 << place for place, letter in enumerate(body[part : part + 5]) if letter.isupper())]
        for part in (0, 5, 10)
    )


def number_of(id: str) -> int:
    """The number that `sf_id` made an id from."""
    number = 0
    for letter in id[3:15]:
        number = number * 62 + DIGITS.index(letter)
    return number


def _base62(number: int, width: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 62)
        text = DIGITS[digit] + text
    if len(text) > width:
        raise ValueError(f"{text} does not fit {width} digits")
    return text.rjust(width, "0")


def stage_names(catalog: Catalog) -> dict[str, str]:
    """{stage id: ApiName}: the first label; where two stages would share one, with the pipeline's name, then the id."""
    first = {id: stage.labels[0][1] for id, (_, stage, _) in catalog.deal_stages.items()}
    names: dict[str, str] = {}
    for id, (pipeline, _, _) in catalog.deal_stages.items():
        tried = (first[id], f"{first[id]} ({pipeline.label})", f"{first[id]} ({id})")
        labels = list(first.values())
        names[id] = tried[0] if labels.count(tried[0]) == 1 else tried[1]
    for id, name in list(names.items()):
        if list(names.values()).count(name) > 1:
            names[id] = f"{first[id]} ({id})"
    return names


def record_types(catalog: Catalog) -> dict[str, str | None]:
    """{pipeline id: RecordTypeId}; deals of the first pipeline have none."""
    return {
        pipeline.id: sf_id("RecordType", 1_000 + place) if place else None
        for place, pipeline in enumerate(catalog.pipelines["deals"])
    }
