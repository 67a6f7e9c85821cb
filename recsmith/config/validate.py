"""Section ``validate``: what data must look like."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from recsmith.config.base import Section

Severity = Literal["critical", "warning", "off"]


class Checks(Section):
    """How grave each finding is."""

    schema_and_types: Severity = "critical"
    no_null_ids: Severity = "critical"
    no_duplicates: Severity = "warning"
    timestamp_range: Severity = "critical"
    weight_range: Severity = "critical"
    enough_users: Severity = "critical"
    enough_items: Severity = "critical"
    enough_interactions: Severity = "critical"
    users_under_k: Severity = "warning"
    orphan_features: Severity = "warning"


class Validate(Section):
    """Ranges and sizes that the checks compare with."""

    checks: Checks = Checks()
    timestamp_min: int = 315_532_800
    """1980-01-01 in UTC seconds."""
    timestamp_max: int = 4_102_444_800
    """2100-01-01 in UTC seconds."""
    weight_min: float | None = None
    weight_max: float | None = None
    min_users: int = Field(default=2, ge=1)
    min_items: int = Field(default=2, ge=1)
    min_interactions: int = Field(default=10, ge=1)
    k: int = Field(default=5, ge=1)
    max_share_under_k: float = Field(default=0.5, ge=0, le=1)
    max_orphan_share: float = Field(default=0.5, ge=0, le=1)
    """Largest share of a side table's users or items without interactions, and of those with some that it lacks."""
    rows_shown: int = Field(default=10, ge=1)
