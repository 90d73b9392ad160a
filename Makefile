# Two commands are all a newcomer needs: `make run` and `make test`. Everything is installed below this folder.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
ifneq ($(words $(CURDIR)),1)
$(error The path of this folder holds a space, which make cannot work with: move the folder)
endif

PYTHON ?= python3
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE ?= copy
export UV_SYSTEM_CERTS ?= true
unexport VIRTUAL_ENV
# Without bytecode on disk every process would compile all it imports again.
unexport PYTHONDONTWRITEBYTECODE
# Where there is no writable home, the package cache stands here too.
ifneq ($(shell test -w "$${HOME:-/nonexistent}" && echo yes),yes)
export HOME := $(CURDIR)/.local/home
export UV_CACHE_DIR := $(CURDIR)/.local/uv-cache
endif

UV := $(CURDIR)/.tools/bin/uv
LOCKED := pyproject.toml uv.lock shared-schemas/pyproject.toml services/core/pyproject.toml \
	services/intelligence/pyproject.toml chatgpt-app/pyproject.toml model-simulator/pyproject.toml devstack/pyproject.toml
PURE := services/core/core/quizzes/answers.py,services/core/core/quizzes/criteria.py,services/core/core/quizzes/marking.py,services/core/core/quizzes/resemblance.py,services/core/core/quizzes/verdicts.py,services/core/core/quizzes/wording.py,services/core/core/progress/streaks.py,services/core/core/tokens.py,services/core/core/publishing/compile.py,services/core/core/publishing/reading.py
NODE_MODULES := tests/chatgpt/node_modules/.package-lock.json
# A stamp says for which folder and interpreter its environments were made: once one of them is another, they are made anew.
PLACE := $(CURDIR) $(realpath .tools/bin/python)
outdated = $(if $(findstring <$(PLACE)>,<$(file <$(1))>),,FORCE)
STAMP = @echo "$(CURDIR) $$(realpath .tools/bin/python)" >$@
STACK := .venvs/stack/bin/python -m devstack

.PHONY: help run up down status dev clean install test suite check lint types prove bench eval-grading eval-marking lock FORCE

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

run: install ## start everything in the foreground on http://localhost:8000 (PORT=9000 make run elsewhere); Ctrl-C stops it
	@exec $(STACK) run

up: install ## the same in the background; returns when it is healthy
	@$(STACK) up

down: install ## stop what runs, wherever it was started
	@$(STACK) down

status: install ## what runs where
	@$(STACK) status

dev: install ## like run, and the services (not the grading worker) reload when their code changes
	@exec $(STACK) run --reload

clean: install ## remove the local data: database, bucket, logs, secrets
	@$(STACK) clean

install: .venvs/.installed ## the services' environments, each its own, below this folder

test: .venv/.installed install $(NODE_MODULES) ## lint, types, import rules, and every test on real servers (four to ten minutes on two cores)
	@$(MAKE) lint
	@$(MAKE) -j2 types suite # the first check of types takes most of a minute, on one core
	@.venv/bin/coverage report --fail-under=90 --include='services/intelligence/*'
	@.venv/bin/coverage report --fail-under=90 --include='$(PURE)'

suite: .venv/.installed install $(NODE_MODULES)
	@.venv/bin/python -m pytest -m "not prove" -n 3 --dist loadgroup --no-loadscope-reorder --cov --cov-report= -q --durations=15

check: lint types ## lint, types and import rules only

lint: .venv/.installed
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/lint-imports

types: .venv/.installed
	@.venv/bin/mypy

prove: .venv/.installed install ## the long proofs: crashes, floods, races at full size
	@.venv/bin/python -m pytest -m prove -q

eval-marking: .venv/.installed ## how well short answers are marked, against human marks: EVAL_DATA=folder make eval-marking
	@.venv/bin/python -m evals.marking

bench: .venv/.installed install ## how fast it is, each figure beside a yardstick of the same run (five minutes, on a quiet machine)
	@missed=0; for part in bench bench.v2; do .venv/bin/python -m $$part || missed=1; done; exit $$missed

eval-grading: .venv/.installed ## how well answers are graded: EVAL_DATA=folder, ARGS=--limit=50 (see evals/grading/README.md)
	@.venv/bin/python -m evals.grading $(ARGS)

lock: $(UV) ## resolve again after a pyproject changed
	@$(UV) lock && $(UV) export -q --only-group tools --no-header --no-emit-workspace -o tools.txt

.tools/bin/uv: tools.txt $(if $(realpath .tools/bin/python),,FORCE)
	$(if $(shell $(PYTHON) -c 'import sys; print(sys.version_info >= (3, 11) or "")' 2>/dev/null),,$(error \
		Python 3.11 or newer is needed; '$(PYTHON)' is not. Name one: make PYTHON=/path/to/python3.12))
	@echo "Fetching uv (once)"
	@$(PYTHON) -m venv --clear .tools || { echo "Python's venv module is missing (Debian: apt-get install python3-venv)."; exit 1; }
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r tools.txt
	@touch $@

# One stamp for the environments that run, one for the environment of the tests. Each room gets its own: core's can hold
# no package of the model's, because nothing core depends on brings one.
.venvs/.installed: $(LOCKED) $(call outdated,.venvs/.installed) | .tools/bin/uv
	@echo "Installing the services' environments (once)"
	@$(if $(call outdated,$@),rm -rf .venvs)
	@for room in core intelligence chatgpt-app; do \
		UV_PROJECT_ENVIRONMENT=.venvs/$$room $(UV) sync --quiet --locked --no-default-groups --package $$room \
			--python .tools/bin/python; echo "  ✓ $$room"; done
	@UV_PROJECT_ENVIRONMENT=.venvs/stack $(UV) sync --quiet --locked --no-default-groups --group stack \
		--python .tools/bin/python; echo "  ✓ local stack"
	$(STAMP)

# The protocol's own test suite and host, and a browser inside a package; Node.js itself comes with .venv. None of their
# install scripts run.
$(NODE_MODULES): tests/chatgpt/package-lock.json | .venv/.installed
	@echo "Installing what the ChatGPT app's tests take from npm (once)"
	@.venv/bin/python -m tests.chatgpt.node ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

# With bytecode: otherwise each of the tests' workers would compile all it imports, at the same time as the others.
.venv/.installed: $(LOCKED) $(call outdated,.venv/.installed) | .tools/bin/uv
	@echo "Installing the tests' environment (once)"
	@$(if $(call outdated,$@),rm -rf .venv)
	@$(UV) sync --quiet --locked --compile-bytecode --python .tools/bin/python
	$(STAMP)
