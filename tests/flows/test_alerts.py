"""An alert arrives where ``RECSMITH_ALERTS`` says: webhook, e-mail, Slack; one that does not changes nothing else."""

from __future__ import annotations

import base64
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mail_receiver import mailbox
from prefect.blocks.notifications import SlackWebhook
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from pydantic import SecretStr

from benchmarks.service import Receiver, receiver
from flows.alerts import VARIABLE, Alert, command, send, waits
from flows.pipeline import Request, pipeline

ALERT = Alert("BelowGate", "pipeline", "compress: the bundle keeps 0.9", command("17"))
TITLE = "Recsmith: pipeline quality below the gate"
TEXT = "compress: the bundle keeps 0.9\nLook closer: "
SECRET = "TIiajkdnlazkcOXrIdevi7"
SLACK = f"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{SECRET}"


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def test_a_webhook_gets_subject_and_text(webhook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, webhook.url)
    assert send(ALERT)
    ((_, body),) = webhook.got
    assert body == {"subject": TITLE, "text": ALERT.body}


def test_an_alert_shows_no_secret_of_the_environment(webhook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, webhook.url)
    monkeypatch.setenv("RECSMITH_KEY", SECRET)
    assert send(replace(ALERT, error=f"compress: no {SECRET}"))
    ((_, body),) = webhook.got
    assert body["text"].startswith("compress: no ***\n")


def test_the_command_names_where_a_run_without_a_server_is_found() -> None:
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        told, home = command("17"), PREFECT_HOME.value()
    assert told == f"PREFECT_HOME={home} prefect flow-run logs 17"


def test_a_mail_is_sent_with_the_login_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with mailbox() as (port, mails, said):
        address = f"mailto://user:secret@127.0.0.1:{port}?from=line@example.org&to=team@example.org&mode=insecure"
        monkeypatch.setenv(VARIABLE, address)
        assert send(ALERT)
    (mail,) = mails
    assert (mail["Subject"], mail["To"]) == (TITLE, "team@example.org")
    text = mail.get_body(("plain", "html"))
    assert text is not None
    assert "compress: the bundle keeps 0.9" in text.get_content()
    assert "prefect flow-run logs 17" in text.get_content()
    login = next(line.split()[-1] for line in said if line.startswith(b"AUTH"))
    assert base64.b64decode(login) == b"\0user\0secret"


def test_a_slack_block_of_the_server_posts_to_slack(
    server: None, webhook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apprise.plugins.slack.NotifySlack.webhook_url", webhook.url)
    SlackWebhook(url=SecretStr(SLACK)).save("team", overwrite=True)
    monkeypatch.setenv(VARIABLE, "slack-webhook/team")
    assert send(ALERT)
    ((_, body),) = webhook.got
    (part,) = body["attachments"]
    assert part["title"] == TITLE
    assert part["text"].startswith(TEXT)


def test_an_alert_that_is_not_delivered_is_logged_without_its_address(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, "http://user:secret@127.0.0.1:9/hook")
    assert not send(ALERT)
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert line.startswith(f"alert {TITLE!r} was not delivered: ")
    assert "secret" not in line
    assert "127.0.0.1" not in line


def test_a_part_of_an_address_in_what_a_service_answers_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def notify(self: SlackWebhook, body: str, subject: str) -> None:
        raise OSError(f"Max retries exceeded with url: /services/T1JJ3T3L2/A1BRTD4JD/{SECRET}")

    monkeypatch.setattr("flows.alerts.AppriseNotificationBlock.notify", notify)
    monkeypatch.setenv(VARIABLE, f"slack://T1JJ3T3L2/A1BRTD4JD/{SECRET}")
    assert not send(ALERT)
    assert "Max retries exceeded" in caplog.text
    assert SECRET not in caplog.text


def test_a_run_that_waits_tells_for_whom(webhook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, webhook.url)
    waits("nightly", "17", "waiting for process 4711 (stage train)")
    ((_, body),) = webhook.got
    assert body["subject"] == "Recsmith: nightly has waited for an hour"
    assert body["text"] == f"waiting for process 4711 (stage train)\nLook closer: {command('17')}"


def test_where_nobody_is_to_be_told_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert not send(ALERT)


GATE = "the bundle keeps 0.9 of valid; params.yaml: compress.gate.retained = 0.98 asks for more."
ENDS = [
    (f"print('compress: {GATE}'); raise SystemExit(1)", 10.0, "quality below the gate", GATE),
    ("print('MemoryError: no room'); raise SystemExit(1)", 10.0, "failed", "MemoryError: no room"),
    ("import time; time.sleep(600)", 0.05, "ran too long and was ended", "longer than 0.05 minutes, ended"),
]


@pytest.fixture
def ended(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., State[Any]]:
    """A function that runs ``compress`` as a flow, with a line of Python in the place of ``dvc``; its state."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))

    def run(line: str, minutes: float = 10.0) -> State[Any]:
        monkeypatch.setattr("flows.pipeline.command", lambda stages, force: [sys.executable, "-c", line])
        return pipeline(Request(stages=("compress",), stage_minutes=minutes), return_state=True)

    return run


@pytest.mark.parametrize(("line", "minutes", "title", "error"), ENDS, ids=["gate", "defect", "too-long"])
def test_what_ends_a_run_is_told_within_ten_seconds_with_stage_error_and_command(
    line: str,
    minutes: float,
    title: str,
    error: str,
    ended: Callable[..., State[Any]],
    webhook: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, webhook.url)
    state = ended(line, minutes)
    assert state.is_failed()
    ((arrived, body),) = webhook.got
    assert arrived - state.timestamp.timestamp() < 10
    assert body["subject"] == f"Recsmith: pipeline {title}"
    run = state.state_details.flow_run_id
    assert body["text"] == f"compress: {error}\nLook closer: {command(str(run))}"


def test_a_run_shows_nowhere_the_address_that_its_alert_goes_to(
    ended: Callable[..., State[Any]],
    webhook: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setenv(VARIABLE, f"{webhook.url}/{SECRET}")
    state = ended(f"import os; print('to', os.environ['{VARIABLE}']); raise SystemExit(1)")
    ((_, body),) = webhook.got
    assert state.message == "compress: to ***"
    assert body["text"].startswith("compress: to ***\n")
    assert "to ***" in caplog.text
    assert SECRET not in caplog.text
