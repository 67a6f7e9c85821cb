"""What no hook of a run can tell, because the run itself is gone: ``python -m flows.watch`` leaves it to the server.

Two automations, made anew by each ``make up`` where ``RECSMITH_ALERTS`` is set: a run that sends no sign of life any
more (its machine or its worker and itself were killed) is marked as crashed and told; so is a run that nobody starts.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from flows.alerts import TITLES, VARIABLE, block, command
from recsmith.errors import UserError
from recsmith.privacy.secrets import redact

SILENCE = timedelta(seconds=90)
"""Three heartbeats of a run (``PREFECT_FLOWS_HEARTBEAT_FREQUENCY`` is 30)."""
ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Cancelled", *TITLES)}
"""An event bears the name of the state, and ours have names of their own."""
BEAT = "prefect.flow-run.heartbeat"
LOOK = "\nLook closer: " + command("{{ flow_run.id }}")


def automations(block_id: UUID) -> list[AutomationCore]:
    """Both of them, telling the block."""
    lost = EventTrigger(
        after={BEAT},
        expect={BEAT, *ENDS},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=SILENCE,
    )
    late = EventTrigger(
        expect={"prefect.flow-run.Late"},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        posture=Posture.Reactive,
        threshold=1,
    )
    silent = "no sign of life for 90 seconds: its worker or its machine is gone"
    crash = ChangeFlowRunState(name="Crashed", state=StateType.CRASHED, message=silent, force=False)
    told = _tell(block_id, "was lost", silent), _tell(block_id, "is late", "no worker takes it")
    return [
        AutomationCore(name="recsmith-lost", trigger=lost, actions=[crash, told[0]]),
        AutomationCore(name="recsmith-late", trigger=late, actions=[told[1]]),
    ]


def _tell(block_id: UUID, title: str, why: str) -> SendNotification:
    subject = f"Recsmith: {{{{ flow.name }}}} {title}"
    return SendNotification(block_document_id=block_id, subject=subject, body=f"{{{{ flow_run.name }}}}: {why}{LOOK}")


def saved(target: str) -> UUID:
    """The id of the block on the server; an address becomes the block ``recsmith-alerts`` there."""
    found: Any = block(target)
    if "://" not in target:
        return found._block_document_id
    return found.save("recsmith-alerts", overwrite=True)


def main() -> None:
    """Replace the automations of the server that ``PREFECT_API_URL`` names."""
    target = os.environ[VARIABLE]
    try:
        wanted = automations(saved(target))
    except ValueError as error:
        raise UserError(f"{VARIABLE} = {target!r} names no block of this server: {error}") from error
    with get_client(sync_client=True) as client:
        for automation in wanted:
            for old in client.read_automations_by_name(automation.name):
                client.delete_automation(old.id)
            client.create_automation(automation)


if __name__ == "__main__":
    try:
        main()
    except UserError as told:
        sys.exit(redact(str(told)))
