"""What a person is told when a run ends badly: one paragraph, what to do, and the exit code it means."""

from __future__ import annotations

import errno
import sqlite3
from dataclasses import dataclass
from typing import ClassVar

from ingestion.errors import AuthError, ConfigError, LandingError, MissingScope, SourceError
from orchestration.runbooks import page_of, see

PUBLISHED, FAILED, WRONG_USE, REFUSED, PARTIAL = 0, 1, 2, 3, 4

EXIT_CODES = {
    PUBLISHED: "published (or nothing had changed)",
    FAILED: "failed; the last publication stands",
    WRONG_USE: "wrong use, configuration, credentials or scope: nothing could be extracted",
    REFUSED: "the audit refused; the last publication stands",
    PARTIAL: "published without the sources named",
}


@dataclass(eq=False)
class FunnelError(Exception):
    """A run that cannot go on; str() is the paragraph shown to the user. `runbook`: a name of runbooks.PAGES."""

    message: str
    guidance: str = ""
    runbook: str = ""
    code: ClassVar[int] = FAILED

    def __str__(self) -> str:
        return " ".join(filter(None, [self.message, self.guidance, see(self.runbook) if self.runbook else ""]))


class WrongUse(FunnelError):
    """Wrong arguments or configuration: nothing has been run."""

    code = WRONG_USE


@dataclass(eq=False)
class RunLocked(FunnelError):
    """Another run holds FUNNEL_HOME."""

    runbook: str = "lock-held"


@dataclass(eq=False)
class WarehouseHeld(FunnelError):
    """Another process has warehouse.duckdb open."""

    runbook: str = "warehouse-lock"


class HomeNotWritable(FunnelError):
    """FUNNEL_HOME cannot be written."""

    code = WRONG_USE


@dataclass(eq=False)
class OtherRelease(FunnelError):
    """FUNNEL_HOME has the shape of another release of funnel."""

    runbook: str = "home-from-another-release"
    code = WRONG_USE


@dataclass(eq=False)
class DiskFull(FunnelError):
    """No space is left where FUNNEL_HOME lies."""

    runbook: str = "disk-full"


@dataclass(eq=False)
class BuildFailed(FunnelError):
    """dbt could not build a model."""

    runbook: str = "build-failed"


@dataclass(eq=False)
class ForgettingUnfinished(FunnelError):
    """A person is half forgotten, or cannot be forgotten without losing others."""

    runbook: str = "forgetting-unfinished"


@dataclass(eq=False)
class PublicationDamaged(WrongUse):
    """A kept publication is not what was published."""

    runbook: str = "publication-damaged"


@dataclass(eq=False)
class TargetFailed(FunnelError):
    """A further place for publications does not have the newest one."""

    runbook: str = "postgres-behind"


@dataclass(eq=False)
class AuditRefused(FunnelError):
    """A check refused the new tables; they are not published."""

    runbook: str = "audit-refused"
    code = REFUSED


@dataclass(eq=False)
class NothingExtracted(FunnelError):
    """No connection gave anything, so there is nothing to build from."""

    by_configuration: bool = False
    """True where every refusal was about credentials or scope: exit code 2, else 1."""

    @property
    def exit_code(self) -> int:
        return WRONG_USE if self.by_configuration else FAILED


def nothing_extracted(errors: dict[str, list[SourceError]]) -> NothingExtracted:
    """The failures of all connections as one; the configuration's fault if each was refused its token or a scope."""
    texts = dict.fromkeys(str(error) for found in errors.values() for error in found)
    return NothingExtracted(
        "Nothing could be extracted. " + " ".join(texts),
        "The last publication stands.",
        next(filter(None, (page_of(error) for found in errors.values() for error in found)), ""),
        by_configuration=all(
            any(isinstance(error, AuthError | MissingScope) for error in found) for found in errors.values()
        ),
    )


def exit_code(error: BaseException) -> int:
    """Exit code that an error of a run means."""
    if isinstance(error, NothingExtracted):
        return error.exit_code
    if isinstance(error, FunnelError):
        return error.code
    return WRONG_USE if isinstance(error, ConfigError | AuthError | MissingScope) else FAILED


def explain(error: BaseException, log: str = "logs/funnel.log") -> Exception:
    """Any error as one that can be shown: known ones as they are, system ones translated, bugs with the log's name."""
    if isinstance(error, FunnelError | ConfigError | SourceError):
        return error
    if isinstance(error, LandingError):
        return FunnelError(str(error), runbook=page_of(error))
    text = str(error)
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or _says(text, "no space left", "disk is full"):
        return DiskFull(
            "The disk that holds FUNNEL_HOME is full.",
            "Nothing half-written counts and the last publication stands. Free some space and run again.",
        )
    if getattr(error, "errno", None) in (errno.EACCES, errno.EROFS, errno.EPERM) or (
        isinstance(error, sqlite3.OperationalError) and "readonly" in text
    ):
        return HomeNotWritable(f"FUNNEL_HOME cannot be written: {text}.", "Name a writable folder in FUNNEL_HOME.")
    if _says(text, "could not set lock", "conflicting lock"):
        return WarehouseHeld(
            f"The warehouse is held by another process: {_first_line(text)}",
            "Close it (BI tools read published/current/funnel.duckdb, never the warehouse) and run again.",
        )
    return FunnelError(
        f"Unexpected {type(error).__name__}: {_first_line(text)[:400]}.",
        f"The last publication stands. The traceback is in {log}.",
    )


def _says(text: str, *phrases: str) -> bool:
    return any(phrase in text.lower() for phrase in phrases)


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no message"
