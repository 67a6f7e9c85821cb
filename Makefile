# Two commands matter: `make run` and `make test`. `make help` lists the rest.

PYTHON ?= python3.11
VENV := .venv
# Without git, a copy that was downloaded, the stamp is another one.
INSTALLED := $(VENV)/.installed-$(or $(shell git hash-object requirements.lock 2>/dev/null),$(shell cksum <requirements.lock | tr ' ' -))
ifndef RECSMITH_RUN
RECSMITH_RUN := $(shell date -u +%Y%m%d-%H%M%S)-$(shell echo $$PPID)
endif
export RECSMITH_RUN
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PREFECT_HOME := $(CURDIR)/.prefect
# What `make test` runs: everything not slow, and the short form of slow tests that have one.
TESTS := not slow or short
WORKERS ?= 2
# Below data/, what no stage can make again.
KEPT := privacy events inbox champion incumbent

.DEFAULT_GOAL := help
.PHONY: help install run flow up down status retrain rollback test test-slow drills lint types format results plots report readme search-ui deps bench bench-line pull push review clean verify sync changes audit forget lock unlock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(INSTALLED) ## make .venv and install requirements.lock (only when it changed)

$(VENV)/.installed-%:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
	  { echo "Recsmith is pinned for Python 3.11 and '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo not there)." \
	    "Name one: make $(firstword $(MAKECMDGOALS) run) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Installing requirements.lock into $(VENV) (once; minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(VENV)/bin/python -m tools.remotes.by_hand $(VENV)/bin
	@rm -f $(VENV)/.installed-* && touch $@

run: $(INSTALLED) .work/vega.js ## fetch the data, run what changed, print the results
	@python -m recsmith fetch
	@python -m flows.mend
	@dvc repro
	@python -m tools.results

flow: $(INSTALLED) .work/vega.js ## the same as a Prefect flow, one task a stage
	@python -m recsmith fetch
	@python -m flows.pipeline
	@python -m tools.results

up: $(INSTALLED) .work/vega.js ## Prefect on this machine: server, schedules, workers; PORT=4201 for another port
	@python -m recsmith fetch
	@python -m flows.service up $(if $(PORT),--port $(PORT))

down: $(INSTALLED) ## stop what `make up` started
	@python -m flows.service down

status: $(INSTALLED) ## what of Prefect is up, how the last runs ended, what runs, what comes next
	@python -m flows.service status

retrain: $(INSTALLED) .work/vega.js ## one night of retraining, now
	@python -m flows.retrain

rollback: $(INSTALLED) ## let the champion before this one serve again; TO=N for a certain version
	@python -m recsmith champion rollback $(if $(TO),--to $(TO))
	@dvc --wait-for-lock add --quiet data/champion

test: lint types ## format, lint, types and all tests (slow ones in their short form)
	RECSMITH_SHORT=1 python -m pytest -n $(WORKERS) --dist loadfile -m "$(TESTS)"

test-slow: $(INSTALLED) ## the slow tests in full
	python -m pytest -m slow

drills: $(INSTALLED) ## kill, fill, cut and corrupt at random, in full (long); docs/drills.md
	python -m pytest tests/drills -n $(WORKERS) --dist loadgroup -m slow

lint: $(INSTALLED) ## ruff: format and rules; bandit: what is known to be unsafe
	ruff format --check .
	ruff check .
	python -m tools.audit --static

types: $(INSTALLED) ## pyright
	pyright

format: $(INSTALLED) ## let ruff rewrite the files
	ruff format .
	ruff check --fix .

results: $(INSTALLED) ## print the results of the last run
	@python -m tools.results

plots: $(INSTALLED) .work/vega.js ## write dvc_plots/index.html, which opens offline
	@dvc plots show

.work/vega.js: | $(INSTALLED)
	@python -m tools.vega

report: $(INSTALLED) ## open the report
	@python -m webbrowser -t "file://$(CURDIR)/data/report/report.html"

search-ui: $(INSTALLED) ## open NNI's page of the search that runs, else of the last one (loopback only)
	@python -m tools.search_ui

readme: $(INSTALLED) ## write the results table of README.md from the metrics files
	@python -m tools.readme

deps: $(INSTALLED) ## write the code dependencies of each stage into dvc.yaml
	@python -m tools.deps

bench: $(INSTALLED) ## the short form of all benchmarks, on the demo (minutes); benchmarks/README.md has the long ones
	@python -m benchmarks.quality --data demo --search tiny --trials 6
	@python -m benchmarks.ranking --data demo
	@python -m benchmarks.speed --data demo --minutes 0.05 --tools recsmith,pyg,implicit
	@python -m benchmarks.scale --short
	@python -m benchmarks.retrain --seeds 1 --windows 3
	@python -m benchmarks.search --data demo --search tiny --strategies random,tpe --trials 3

bench-line: $(INSTALLED) ## measure the line: time of both runs, peak memory
	@python -m benchmarks.line

pull: $(INSTALLED) ## bring results from the team's remote (TARGETS=..., REMOTE=...) and compare them with their md5s
	@python -m tools.remotes pull $(TARGETS) $(if $(REMOTE),--remote $(REMOTE))

push: $(INSTALLED) ## send results to the team's remote (TARGETS=..., REMOTE=...)
	@python -m tools.remotes push $(TARGETS) $(if $(REMOTE),--remote $(REMOTE))

verify: $(INSTALLED) ## run a result again and compare its md5s: the present one, BUNDLE=folder or digest, or REV=commit
	@python -m tools.verify $(if $(BUNDLE),--bundle $(BUNDLE)) $(if $(REV),--rev $(REV))

review: $(INSTALLED) ## look at the offline W&B runs in the terminal
	@python -m wandb leet .work/wandb

sync: $(INSTALLED) ## send the offline W&B runs to the server and say what became of each
	@python -m tools.sync

changes: $(INSTALLED) ## what changed since the last commit and the last run: files, parameters, stages
	@if git rev-parse --git-dir >/dev/null 2>&1; then git status --short && dvc params diff; \
	  else echo "This copy is not under git: files and parameters are compared with nothing."; fi
	@dvc status

audit: $(INSTALLED) ## a static security scan, and known vulnerabilities of the pinned set (exit 3: no network)
	@python -m tools.audit

forget: $(INSTALLED) ## USER=ID: forget a person in data, results, bundles, cache and remotes (docs/privacy.md)
	@[ "$(origin USER)" = "command line" ] || { echo "Say whom: make forget USER=ID" >&2; exit 1; }
	@python -m tools.forget -- "$$USER"

lock: $(INSTALLED) ## put data, cache and work in progress away, encrypted with RECSMITH_KEY (docs/privacy.md)
	@python -m tools.vault lock

unlock: $(INSTALLED) ## bring them back
	@python -m tools.vault unlock

clean: ## remove results and work in progress (keeps .venv, the DVC cache, events and champions)
	@[ ! -e .work/prefect/address.json ] || { echo "Prefect is up here: make down first" >&2; exit 1; }
	rm -rf $(filter-out $(KEPT:%=data/%/),$(wildcard data/*/)) .work dvc_plots .pytest_cache .ruff_cache .hypothesis build
