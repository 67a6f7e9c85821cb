"""Alerts: what somebody should know at night, through Prefect's notification blocks.

``RECSMITH_ALERTS`` says where to: a block of the Prefect server (``slack-webhook/team``), the address of a webhook
(``https://...``, gets JSON with ``subject`` and ``text``), or any address that Apprise knows (``mailtos://...``,
``slack://...``). An alert that fails is logged and changes nothing else.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import httpx
from prefect.blocks.core import Block
from prefect.blocks.notifications import AppriseNotificationBlock, CustomWebhookNotificationBlock
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.sorting import TaskRunSort
from prefect.settings import PREFECT_API_URL, PREFECT_HOME
from pydantic import SecretStr

from recsmith.privacy.secrets import redact

VARIABLE = "RECSMITH_ALERTS"
Kind = Literal["Failed", "DataRejected", "BelowGate", "TooLong", "Crashed", "Drift", "Waiting"]
TITLES: dict[str, str] = {
    "Failed": "failed",
    "DataRejected": "data rejected",
    "BelowGate": "quality below the gate",
    "TooLong": "ran too long and was ended",
    "Crashed": "was killed",
    "Drift": "data drifted",
    "Waiting": "has waited for an hour",
}
LOGGER = logging.getLogger("prefect.recsmith.alerts")


def blotted(record: logging.LogRecord) -> bool:
    """Let a record through, without secrets."""
    record.msg, record.args = redact(record.getMessage()), ()
    return True


logging.getLogger("httpx").addFilter(blotted)  # it logs every address that it asks


@dataclass(frozen=True)
class Alert:
    """One message: what kind, where (``pipeline``), the error in one line, the command to look closer."""

    kind: Kind
    where: str
    error: str
    look: str

    @property
    def subject(self) -> str:
        return f"Recsmith: {self.where} {TITLES[self.kind]}"

    @property
    def body(self) -> str:
        return f"{self.error}\nLook closer: {self.look}"


def send(alert: Alert) -> bool:
    """Whether it was delivered, without secrets; where it was not, the log says why, without the address."""
    target = os.environ.get(VARIABLE, "")
    if not target:
        return False
    try:
        block(target).notify(body=redact(alert.body), subject=alert.subject)
    except Exception as error:  # whatever a block of somebody else raises: the run's own result matters more
        LOGGER.error("alert %r was not delivered: %s", alert.subject, _without_addresses(error))
        return False
    LOGGER.info("alert %r was delivered", alert.subject)
    return True


def block(target: str) -> Any:
    """The notification block that ``RECSMITH_ALERTS`` means."""
    if "://" not in target:
        return Block.load(target)
    if target.startswith(("http://", "https://")):
        body = {"subject": "{{subject}}", "text": "{{body}}"}
        return CustomWebhookNotificationBlock(name="recsmith", url=target, json_data=body, headers=None, cookies=None)
    return AppriseNotificationBlock(url=SecretStr(target))


def _without_addresses(error: Exception) -> str:
    told = re.sub(r"[a-z]+://[^\s'\"]+", "(address)", str(error))
    return redact(f"{type(error).__name__}: {told}")


def waits(where: str, flow_run_id: str, text: str) -> None:
    """Tell that a run still waits; ``text`` says for whom."""
    send(Alert("Waiting", where, text, command(flow_run_id)))


def on_end(flow: Any, flow_run: Any, state: Any) -> None:
    """Hook for ``on_failure`` and ``on_crashed``: the state's name is the kind, its message the error."""
    kind: Any = state.name if state.name in TITLES else "Failed"
    error = " ".join((state.message or "no message").split())
    if kind == "Crashed":
        error = f"{_last_task(flow_run.id)}: {error}"
    send(Alert(kind, flow.name, error, command(str(flow_run.id))))


def _last_task(run: UUID) -> str:
    """What a run was at when it was killed, as far as the server knows: it cannot say so itself."""
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    try:
        with get_client(sync_client=True) as client:
            found = client.read_task_runs(flow_run_filter=of_run, sort=TaskRunSort.EXPECTED_START_TIME_DESC, limit=1)
    except httpx.HTTPError:
        return "unknown stage"
    return found[0].name if found else "before the first stage"


def command(flow_run_id: str) -> str:
    """The command that shows a run's log: from the server where there is one, else from where its state lies."""
    url = PREFECT_API_URL.value()
    where = f"PREFECT_API_URL={url}" if url else f"PREFECT_HOME={shlex.quote(str(PREFECT_HOME.value()))}"
    return f"{where} prefect flow-run logs {flow_run_id}"
