"""Planted secrets show nowhere: not on the console, not in files, not in what is raised."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from workspaces import Workspace

from recsmith.__main__ import main
from recsmith.errors import UserError
from recsmith.output import say
from recsmith.privacy.secrets import redact
from tools.ending import ended

PASSWORD = "pass-word-4711"
HOOK = "TIiajkdnlazkcOXrIdevi7"
PLANTED = {
    "WANDB_API_KEY": "f" * 36 + "4711",
    "RECSMITH_KEY": "sealing-key-4711-4711",
    "RECSMITH_PSEUDONYM_KEY": "pseudonym-key-4711-4711",
    "RECSMITH_DSN": f"postgresql://reader:{PASSWORD}@127.0.0.1:9/shop?x={PASSWORD}",
    "RECSMITH_ALERTS": f"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{HOOK}",
}
SECRETS = [*PLANTED.values(), PASSWORD, HOOK]


def clean(text: str) -> bool:
    return not any(secret in text for secret in SECRETS)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("planted")
def test_secrets_and_passwords_in_addresses_are_blotted_out() -> None:
    text = f"{PLANTED['WANDB_API_KEY']}, {PLANTED['RECSMITH_DSN']}, {PASSWORD}, ssh://me:other-one@host/x, 12:30@home"
    assert redact(text) == "***, ***, ***, ssh://me:***@host/x, 12:30@home"


@pytest.mark.usefixtures("planted")
def test_the_address_of_a_webhook_is_blotted_out_and_so_is_its_key_alone() -> None:
    assert redact(f"{PLANTED['RECSMITH_ALERTS']}: no; url: /services/T1/{HOOK}") == "***: no; url: /services/T1/***"


def test_a_block_that_alerts_go_to_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSMITH_ALERTS", "slack-webhook/team-on-call-at-night")
    assert redact("slack-webhook/team-on-call-at-night") == "slack-webhook/team-on-call-at-night"


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize(
    "dsn", [PLANTED["RECSMITH_DSN"], f"postgresql://reader:{PASSWORD}@[bad/shop", f"nonsense password={PASSWORD}"]
)
def test_a_database_that_fails_does_not_show_its_address(tmp_path: Path, dsn: str) -> None:
    sql = "ingest: {source: sql, sql: {backend: postgres, query: 'select 1'}}\n"
    (tmp_path / "params.yaml").write_text(sql)
    command = [sys.executable, "-m", "recsmith", "fetch", "--params", str(tmp_path / "params.yaml")]
    environment = os.environ | {"RECSMITH_DSN": dsn}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode != 0
    assert done.stderr
    assert clean(done.stdout + done.stderr)


@pytest.mark.usefixtures("planted")
def test_a_query_that_fails_with_a_secret_in_it_is_shown_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.csv").write_text(f"user_id,item_id\n{PLANTED['RECSMITH_KEY']},2,{PASSWORD}\n3,4\n")
    params = (
        f"ingest: {{source: files, path: log.csv, files: [{{columns: {{user_id: '{PLANTED['RECSMITH_DSN']}'}}}}]}}\n"
    )
    (tmp_path / "params.yaml").write_text(params)
    assert main(["init", str(tmp_path / "log.csv"), "--yes", "--params", str(tmp_path / "params.yaml")]) == 1
    told = capsys.readouterr()
    assert "log.csv" in told.err
    assert clean(told.out + told.err)


@pytest.mark.usefixtures("planted")
def test_a_command_of_the_team_that_fails_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        say(f"to ssh://me:{PASSWORD}@host/x")
        raise UserError(f"remote 'team' (ssh://me:{PASSWORD}@host/x) refuses {PLANTED['RECSMITH_KEY']}")

    assert ended("push", work, "") == 1
    told = capsys.readouterr()
    assert told.out == "to ssh://me:***@host/x\n"
    assert told.err == "push: remote 'team' (ssh://me:***@host/x) refuses ***\n"


@pytest.mark.slow
@pytest.mark.short
@pytest.mark.timeout(1800)
def test_a_line_leaves_no_secret_behind(workspace: Workspace, full: bool) -> None:
    workspace.change({"ingest": {"privacy": {"pseudonyms": True}}})
    line = ("dvc", "repro") if full else ("python", "-m", "stages.ingest")
    environment = PLANTED | {"WANDB_MODE": "offline"}
    output = ""
    for command in (("python", "-m", "recsmith", "fetch"), line):
        result = workspace.run(*command, env=environment)
        assert result.returncode == 0, result.stdout
        output += result.stdout
    (workspace.root / "stages/split.py").write_text(
        "import os\nfrom stages._stage import stage\n\ndef run(context):\n    context.say(str(dict(os.environ)))\n"
        "    raise ValueError(os.environ['RECSMITH_DSN'])\n\nstage('split', run)\n"
    )
    failing = workspace.run("python", "-m", "stages.split", env=environment)
    assert "ValueError: ***" in failing.stdout
    assert "RECSMITH_KEY" in failing.stdout
    assert clean(output + failing.stdout)
    files = [path for path in workspace.root.rglob("*") if path.is_file() and "tests" not in path.parts]
    assert any(path.suffix == ".wandb" for path in files)
    assert [path for path in files if any(secret.encode() in path.read_bytes() for secret in SECRETS)] == []
