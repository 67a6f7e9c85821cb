"""A flow run once, in this process, under the server that is meant."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.address import check_server, of_make_up
from recsmith.errors import UserError
from recsmith.privacy.secrets import redact


def once(flow: Callable[..., Any], request: Any) -> State[Any]:
    """The state it ends with, under the server of ``PREFECT_API_URL``, else of ``make up``, else a temporary one.

    Ends the process with one plain message where ``PREFECT_API_URL`` names a server that does not answer.
    """
    try:
        check_server()
    except UserError as error:
        sys.exit(redact(str(error)))
    api = None if "PREFECT_API_URL" in os.environ else of_make_up()
    with temporary_settings({PREFECT_API_URL: api} if api else {}):
        return flow(request, return_state=True)
