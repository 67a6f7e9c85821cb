"""Prefect on this machine: ``python -m flows.service up|down|status``.

``up`` starts the server, the work pools and deployments of ``prefect.yaml`` and one worker a pool; all of it outlives
the terminal. ``down`` stops exactly that, with every run in progress.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
from ruamel.yaml import YAML

from flows import daemons, standing
from flows.address import NOTE, answers, ask, patient
from flows.address import written as address
from flows.standing import ALERTS
from recsmith.errors import UserError, unknown
from recsmith.files import write_json
from recsmith.output import say
from recsmith.privacy.secrets import redact

HOST, PORT = "127.0.0.1", 4200
READY_SECONDS = 600.0
"""Generous, the machine may be busy; a part that ends while it starts is told at once."""
PLAN = Path("prefect.yaml")
DATABASE = "RECSMITH_DATABASE"
OF_ONE_RUN = ("RECSMITH_RUN", "RECSMITH_FLOW_RUN", "RECSMITH_WORKSPACE", "MAKEFLAGS", "MAKELEVEL")
"""Set by `make` or a flow for what they start; a service outlives them, and its runs have names of their own."""
SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_WORKER_QUERY_SECONDS": "5",
    "PREFECT_WORKER_ENABLE_CANCELLATION": "true",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_CLI_COLORS": "false",
}
"""What server, workers and runs are told where the environment does not say otherwise."""


def up(port: int | None) -> None:
    """Start what is not there yet and print the address; that and no more is stopped again where a part fails."""
    missing = [name for name in parts() if daemons.running(name) is None]
    if not missing:
        raise_if_elsewhere(port)
        say(f"Prefect is up already: {address()}")
        return
    try:
        start(port, missing)
    except BaseException:
        daemons.stop(missing[::-1])
        raise
    say(f"Prefect is up: {address()}\n")
    say("  . .venv/bin/activate")
    say(f"  export PREFECT_API_URL={address()}/api")
    say("  prefect deployment run pipeline/pipeline --watch")
    say("  make status, make down")
    if not os.environ.get(ALERTS):
        say(f"\nNobody is told when a run fails: {ALERTS} is not set (docs/schedules.md).")


def start(port: int | None, missing: list[str]) -> None:
    """The server, what it has to know, then the workers."""
    if "server" in missing:
        if len(missing) < len(parts()):  # workers that live know its address
            raise_if_elsewhere(port)
            port = int(address().rpartition(":")[2])
        port = port or PORT
        check_free(port)
        write_json(NOTE, {"address": f"http://{HOST}:{port}"})
    else:
        raise_if_elsewhere(port)
    env = environment(address())
    if "server" in missing:
        command = ["server", "start", "--host", HOST, "--port", str(port)]
        say("starting the server ...")
        process = daemons.launch("server", prefect(*command), env | database())
        daemons.wait_until(lambda: answers(f"{address()}/api"), process, "server", READY_SECONDS)
    for pool in pools():
        make_pool(pool)
    say(f"deploying {PLAN} ...")
    do(prefect("--no-prompt", "deploy", "--all"), env)
    if os.environ.get(ALERTS):
        do([sys.executable, "-m", "flows.watch"], env)
    for pool in served():
        if (name := _worker(pool)) in missing:
            say(f"starting the worker of pool {pool} ...")
            process = daemons.launch(name, prefect("worker", "start", "--pool", pool, "--name", name), env)
            daemons.wait_until(lambda pool=pool: online(pool), process, name, READY_SECONDS)


def parts() -> list[str]:
    """Names of the daemons that belong to it."""
    return ["server", *map(_worker, served())]


def down() -> None:
    """Stop what ``up`` started."""
    stopped = daemons.stop_all()
    NOTE.unlink(missing_ok=True)
    say(f"stopped: {', '.join(stopped)}" if stopped else "Prefect is not up here; nothing to stop.")


def status() -> None:
    """What is there, what ended, what runs and what comes next."""
    for line in standing.told(parts()):
        say(line)


def pools() -> list[str]:
    """Work pools that ``prefect.yaml`` names."""
    if not PLAN.exists():
        raise UserError(f"{PLAN} is not in this folder. Run it at the root of the project.")
    plan = YAML(typ="safe").load(PLAN.read_text(encoding="utf-8"))
    return list(dict.fromkeys(entry["work_pool"]["name"] for entry in plan["deployments"]))


def served() -> list[str]:
    """Pools that have their worker on this machine: all, or those that ``RECSMITH_POOLS`` names."""
    known, chosen = pools(), os.environ.get("RECSMITH_POOLS", "").replace(",", " ").split()
    for name in chosen:
        if name not in known:
            raise unknown("RECSMITH_POOLS", name, known)
    return chosen or known


def make_pool(name: str) -> None:
    """Make a work pool whose runs are processes; one that is there already stays as it is, whatever its type."""
    answer = patient().post(f"{address()}/api/work_pools/", json={"name": name, "type": "process"}, timeout=30)
    if answer.status_code not in (201, 409):
        raise UserError(f"work pool {name} was refused: {answer.text}")


def online(pool: str) -> bool:
    """Whether a worker of the pool has reported."""
    return any(worker["status"] == "ONLINE" for worker in ask(f"work_pools/{pool}/workers/filter", {}))


def do(command: list[str], env: dict[str, str]) -> None:
    """Run a command that has to go well; UserError with the end of its output where it does not."""
    told = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if told.returncode:
        raise UserError(f"`{' '.join(command[2:])}` failed:\n{redact(told.stdout)[-2000:]}")


def environment(url: str) -> dict[str, str]:
    """What server, workers and runs find in their environment."""
    root = str(Path.cwd())
    env = SETTINGS | os.environ | {"PREFECT_API_URL": f"{url}/api", daemons.MARK: daemons.new_mark()}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    env.setdefault("PREFECT_HOME", str(Path(root) / ".prefect"))
    for name in (DATABASE, *OF_ONE_RUN):
        env.pop(name, None)
    return env


def database() -> dict[str, str]:
    """What only the server is told: the database that holds its state, where one is named."""
    given = os.environ.get(DATABASE)
    address = given.replace("postgresql://", "postgresql+asyncpg://", 1) if given else ""
    return {"PREFECT_API_DATABASE_CONNECTION_URL": address} if given else {}


def prefect(*words: str) -> list[str]:
    """The command line of Prefect in this environment."""
    return [sys.executable, "-m", "prefect", *words]


def raise_if_elsewhere(port: int | None) -> None:
    """UserError where the server is up on another port than the one asked for."""
    if port and not address().endswith(f":{port}"):
        raise UserError(f"Prefect is up already: {address()}. `make down` first to move it to port {port}.")


def check_free(port: int) -> None:
    """UserError where somebody listens on ``port`` already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(f"port {port} is taken by {_by(port)}. Choose another: make up PORT={port + 1}") from error


def _by(port: int) -> str:
    """Who listens on ``port``, where the system tells this user."""
    try:
        found = psutil.net_connections("tcp")
        listening = (one for one in found if one.status == psutil.CONN_LISTEN and one.pid)
        pid = next(one.pid for one in listening if one.laddr and one.laddr.port == port)
        return f"process {pid} ({redact(' '.join(psutil.Process(pid).cmdline()))[:100]})"
    except (psutil.Error, StopIteration):
        return "a process that this user may not see"


def _worker(pool: str) -> str:
    return f"worker-{pool}"


def main(arguments: list[str] | None = None) -> None:
    """Do what was asked; what cannot be done ends in one plain message."""
    parser = argparse.ArgumentParser("python -m flows.service", description="Prefect on this machine.")
    parser.add_argument("action", choices=("up", "down", "status"))
    parser.add_argument("--port", type=int, help=f"of a server that is started (default {PORT})")
    args = parser.parse_args(arguments)
    actions = {"up": lambda: up(args.port), "down": down, "status": status}
    try:
        actions[args.action]()
    except UserError as error:
        sys.exit(redact(str(error)))


if __name__ == "__main__":
    main()
