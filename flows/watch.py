"""What no hook of a run can tell, because the run itself is gone: ``python -m flows.watch`` leaves it to the server.

Automations, made anew by each ``make up`` where ``RECSMITH_ALERTS`` is set: a run whose code, hook included, cannot be
loaded is told; one that sends no sign of life any more (its machine or its worker and itself were killed) is marked as
crashed and told; so is a run that nobody starts.

What is told is the mark, not the silence: signs of life of a run may arrive after its end on a busy machine, and are
then followed by silence, but the server lets no run that has ended be marked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
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
LOST = "Lost"
ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Cancelled", LOST, *TITLES)}
"""An event bears the name of the state, and ours have names of their own."""
BEAT = "prefect.flow-run.heartbeat"
RUNS: dict[str, str | list[str]] = {"prefect.resource.id": "prefect.flow-run.*"}
UNLOADED = [
    "Process exited with status code: 1.*",
    "Flow run infrastructure exited with non-zero status code 1.*",
]
"""What Prefect says of a process that ended by an error outside of the flow; a killed one is told by its hook."""
WHY = "{{ flow_run.state.message }}"
LOOK = "\nLook closer: " + command("{{ flow_run.id }}")


def automations(block_id: UUID) -> list[AutomationCore]:
    """All of them, telling the block."""
    silence = EventTrigger(
        after={BEAT},
        expect={BEAT, *ENDS},
        match=RUNS,
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=SILENCE,
    )
    silent = "no sign of life for 90 seconds: it was killed with its worker, or its machine is gone"
    mark = ChangeFlowRunState(name=LOST, state=StateType.CRASHED, message=silent, force=False)
    return [
        AutomationCore(
            name="recsmith-crashed",
            trigger=_on("Crashed", {"prefect.state-message": UNLOADED}),
            actions=[_tell(block_id, "crashed", WHY)],
        ),
        AutomationCore(name="recsmith-silent", trigger=silence, actions=[mark]),
        AutomationCore(name="recsmith-lost", trigger=_on(LOST), actions=[_tell(block_id, "was lost", silent)]),
        AutomationCore(
            name="recsmith-late", trigger=_on("Late"), actions=[_tell(block_id, "is late", "no worker takes it")]
        ),
    ]


def _on(state: str, more: Mapping[str, str | list[str]] = MappingProxyType({})) -> EventTrigger:
    """When a run enters a state of that name; ``more``: labels that its event has to have."""
    match = {**RUNS, **more}
    return EventTrigger(expect={f"prefect.flow-run.{state}"}, match=match, posture=Posture.Reactive, threshold=1)


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
