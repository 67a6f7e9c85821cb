"""An alert arrives where ``RECSMITH_ALERTS`` says: webhook, e-mail, Slack; one that does not changes nothing else."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator

import pytest
from mail_receiver import mailbox
from prefect.blocks.notifications import SlackWebhook
from pydantic import SecretStr

from benchmarks.service import Receiver, receiver
from flows.alerts import VARIABLE, Alert, command, send

ALERT = Alert("BelowGate", "pipeline", "compress: the bundle keeps 0.9", command("17"))
TITLE = "Recsmith: pipeline quality below the gate"
TEXT = "compress: the bundle keeps 0.9\nLook closer: "
SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def test_a_webhook_gets_subject_and_text(webhook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, webhook.url)
    assert send(ALERT)
    ((_, body),) = webhook.got
    assert body == {"subject": TITLE, "text": ALERT.body}


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


def test_where_nobody_is_to_be_told_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert not send(ALERT)
