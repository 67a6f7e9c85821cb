"""An advisory service that does not answer is never green."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import audit


def test_no_answer_of_the_advisory_service_has_a_status_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    python = tmp_path / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'ConnectionError: no route' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(audit, "HOME", tmp_path)
    assert audit.known() == audit.UNREACHABLE
    assert "NOT CHECKED" in capsys.readouterr().err


def test_vulnerabilities_are_named_with_what_mends_them(capsys: pytest.CaptureFixture[str]) -> None:
    vulnerable = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
    assert audit._told({"dependencies": [vulnerable, {"name": "b", "version": "1", "vulns": []}]}) == audit.FOUND
    assert "a 1: CVE-1, mended in 2" in capsys.readouterr().out
    assert audit._told({"dependencies": [{"name": "b", "version": "1", "vulns": []}]}) == 0
    assert audit._told({"dependencies": [{"name": "c", "skip_reason": "unknown"}]}) == audit.UNREACHABLE
