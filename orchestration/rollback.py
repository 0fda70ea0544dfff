"""`funnel rollback` and `release`: `current` back to an earlier publication in one step, and publishing on hold."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestration.errors import PublicationDamaged, WrongUse
from orchestration.hold import end_hold, read_hold, switching, write_hold
from orchestration.home import Home, read_json
from orchestration.publish import file_entry, releases, switch


def rollback(home: Home, publication: str | None = None, why: str = "") -> dict[str, Any]:
    """Switch back to `publication` (default: the one published before the current), and hold publishing.

    Errors: WrongUse where there is nothing to go back to, or the release is unknown or not whole.
    """
    with switching(home):
        before = current_id(home)
        target = publication or previous_id(home)
        if target is None:
            raise WrongUse("There is no earlier publication to go back to.", existing(home))
        check_whole(home, target)
        # Held first: killed between the two, nothing is published over what was to be undone.
        hold = write_hold(home, target, before if before != target else None, why or "rolled back")
        if target != before:
            switch(home, target)
    return {
        "outcome": "rolled_back" if target != before else "held",
        "publication": target,
        "instead_of": before,
        "hold": asdict(hold),
        "message": f"`current` is {target}"
        + (f", no longer {before}" if target != before else ", as before")
        + ". Publishing is held: runs go on building and auditing, `funnel release` lets them publish again.",
    }


def release(home: Home) -> dict[str, Any]:
    """Lift the hold. `current` stays where it is until the next run publishes."""
    with switching(home):
        hold = end_hold(home)
    message = "Publishing was not held."
    if hold:
        message = "Publishing is no longer held: the next `funnel run` (or `funnel publish`) moves `current`."
    return {
        "outcome": "released" if hold else "unchanged",
        "publication": current_id(home),
        "hold": hold and asdict(hold),
        "message": message,
    }


def current_id(home: Home) -> str | None:
    """Id of the publication that `current` names."""
    link = home.published / "current"
    return link.readlink().name if link.is_symlink() else None


def previous_id(home: Home) -> str | None:
    """Id of the newest whole publication before the current one that was once current itself (replays were not)."""
    now = current_id(home)
    before = [m["id"] for m in releases(home) if m.get("published", True) and now is not None and m["id"] < now]
    return before[-1] if before else None


def check_whole(home: Home, publication: str) -> dict[str, Any]:
    """The manifest of a release whose every file is what was written. Errors: WrongUse, PublicationDamaged."""
    folder = home.published / "releases" / publication
    plain = Path(publication).name == publication and not publication.startswith(".")
    manifest = read_json(folder / "manifest.json") if plain else None
    if manifest is None:
        raise WrongUse(f"There is no publication {publication}.", existing(home))
    for name, entry in manifest["files"].items():
        if not (folder / name).is_file() or file_entry(folder / name) != entry:
            damage = f"Publication {publication} is not whole: {name} is missing or changed."
            raise PublicationDamaged(damage, existing(home))
    return manifest


def existing(home: Home) -> str:
    """The sentence that lists the releases, newest first."""
    now, hold = current_id(home), read_hold(home)
    found = []
    for manifest in reversed(list(releases(home))):
        marks = ["current"] if manifest["id"] == now else []
        marks += ["rolled back"] if hold and manifest["id"] == hold.instead_of else []
        marks += [] if manifest.get("published", True) else ["never current"]
        found.append(f"{manifest['id']} (as of {manifest['as_of'][:16]}{''.join(f', {m}' for m in marks)})")
    return f"There are: {'; '.join(found)}." if found else "Nothing has been published yet: `funnel run`."
