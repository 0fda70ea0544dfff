"""`funnel docs` says what to do before there is anything to describe."""

from __future__ import annotations

import pytest

from ingestion.settings import Settings
from orchestration import catalogue
from orchestration.errors import WrongUse


def test_before_the_first_run_it_says_so(settings: Settings) -> None:
    with pytest.raises(WrongUse, match="nothing to describe yet"):
        catalogue.write(settings)
    assert not (settings.home / "docs").exists()
