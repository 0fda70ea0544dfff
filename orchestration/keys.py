"""Keys of the marts: `<source>:<pipeline id>[:<stage id>]`, a colon within an id as %3A (as macros/keys.sql has it)."""

from __future__ import annotations


def key_of(*ids: str) -> str:
    """The key of what the source calls by these ids."""
    return ":".join(part.replace(":", "%3A") for part in ids)


def ids_of(key: str) -> tuple[str, ...]:
    """A key's parts as the source spells them: (source, pipeline id[, stage id])."""
    return tuple(part.replace("%3A", ":") for part in key.split(":"))
