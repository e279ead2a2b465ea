# Everything a developer or a CI job calls. `make` alone lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# `make demo DURATION=90` ends the demo after so many seconds; without it the demo runs until Ctrl-C.
DURATION ?=
# Tests on a broker mostly wait; each process of them has a broker of its own.
JOBS ?= 3

# Settings of pip's index are the user's business and stay; these would send packages past the environment.
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PYTHONHOME PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: help venv lint format test demo bench stats ops schemas clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

venv: $(STAMP) ## .venv with the package (editable), its processor extra and the tools

# Reinstalled when pyproject.toml changes, and only then. pip comes first: Debian's is too old for --group.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make venv PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "$(PYTHON) cannot make virtual environments: apt-get install python3-venv"; exit 1; }
	@echo "installing into $(VENV): a minute or two, the first time"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable '.[processor]' --group dev
	@touch $@

lint: $(STAMP) ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy examples
	$(BIN)/lint-imports --no-logo

format: $(STAMP) ## rewrite the files as the style wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint ## lint and all tests; with CI=true a missing Kafka is a failure, not a skip
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadfile

demo: $(STAMP) ## a fleet of simulated models with drift on a schedule, no Kafka needed
	$(BIN)/tiltmeter demo $(if $(DURATION),--duration $(DURATION))

bench: $(STAMP) ## the figures in the documentation, measured on this machine
	@for script in tests/bench/bench_*.py; do \
	  echo "== $$script"; PYTHONPATH=tests $(BIN)/python $$script || exit 1; \
	done

stats: $(STAMP) ## false alarms and delays against other rules and river: docs/statistics (ten minutes, two cores)
	PYTHONPATH=services:tests/statistics $(BIN)/python -m report

ops: $(STAMP) ## rules, alerts on their way, compose and k8s, checked with promtool, amtool, kustomize ...
	-tests/ops/get_tools.sh .cache/ops
	$(BIN)/pytest tests/alerts tests/ops

schemas: $(STAMP) ## write the wire schemas anew from the models
	$(BIN)/tiltmeter schema --write schemas

clean: ## remove the environment and everything that tools leave behind
	rm -rf $(VENV) build dist .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find services tests -name __pycache__ -type d -prune -exec rm -rf {} +
