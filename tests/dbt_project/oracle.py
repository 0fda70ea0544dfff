"""What a deal's events and stays are, said once more in plain Python (times are integers, milliseconds).

A version is {"updated": ms, "created": ms, "history": {field: [(ms, value), … OLDEST first]}, "values": {field: value}}
with fields `stage` and `pipeline`; `members` maps a stage id to the set of pipelines known to contain it.
"""

TWO_SECONDS = 2000


def events(versions: list[dict], field: str) -> list[tuple[int, str | None]]:
    """All events of a field in order: of each instant the version that shows most counts, the newest on equality."""
    groups: dict[int, list] = {}
    for version in versions:
        shown: dict[int, list] = {}
        for at, value in version["history"].get(field, []):
            shown.setdefault(at, []).append(value or None)
        for at, values in shown.items():
            if len(values) >= len(groups.get(at, [])):
                groups[at] = values
    found = [(at, value) for at in sorted(groups) for value in groups[at]]
    if found:
        newest = versions[-1]
        if field in newest["values"] and (newest["values"][field] or None) != found[-1][1]:
            found.append((max(newest["updated"], found[-1][0]), newest["values"][field] or None))
        return found
    previous = None
    for number, version in enumerate(versions):
        if field in version["values"]:
            value = version["values"][field] or None
            if value != previous:
                at = max(version["created"], version["updated"]) if number else version["created"]
                found.append((max(at, found[-1][0]) if found else at, value))
            previous = value
    return found


def collapse(items: list, key=lambda item: item) -> list:
    return [item for n, item in enumerate(items) if n == 0 or key(item) != key(items[n - 1])]


def visits(versions: list[dict], members: dict[str, set[str]]) -> list[tuple[int, str, str]]:
    """Stays in order: (entered, pipeline, stage). A stay ends where the next begins."""
    stages = [event for event in events(versions, "stage") if event[1]]
    pipelines = collapse([event for event in events(versions, "pipeline") if event[1]], lambda event: event[1])

    def resolve(n: int) -> str:
        at, stage = stages[n]
        known = members.get(stage, set())
        now = next((p for t, p in reversed(pipelines) if t <= at), None)
        coming = next(((t, p) for t, p in pipelines if t > at), None)
        later = stages[n + 1][0] if n + 1 < len(stages) else None
        paired = coming and coming[0] - at <= TWO_SECONDS and (later is None or later - coming[0] > TWO_SECONDS)
        if paired and (coming[1] in known or not known):
            return coming[1]
        if not known or now in known:
            return now or (coming[1] if coming else "unknown")
        if coming and coming[1] in known:
            return coming[1]
        return next(iter(known)) if len(known) == 1 else now or (coming[1] if coming else min(known))

    resolved = [resolve(n) for n in range(len(stages))]
    moves = [(at, 1, n, resolved[n], stage) for n, (at, stage) in enumerate(stages)]
    for n, (at, pipeline) in enumerate(pipelines[1:]):
        stage = next((s for t, s in reversed(stages) if t < at), None)
        known = members.get(stage, set())
        near = any(abs(t - at) <= TWO_SECONDS and resolved[i] == pipeline for i, (t, _) in enumerate(stages))
        if stage and not near and (pipeline in known or not known):
            moves.append((at, 0, n, pipeline, stage))
    return collapse([(at, p, s) for at, _, _, p, s in sorted(moves)], lambda move: move[1:])
