# What a person runs here. Each target does its own set-up, and nothing twice.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

python := .venv/bin/python
step := @bash .ci/setup/step.sh
# More for pytest: `make test ARGS='-k review'`.
ARGS ?=
# The engine's tests run side by side too, as its users do; those that need it for themselves say so (tests/kit/turns.py).
# Whoever has nothing left takes tests from another: a few modules have most of the slow ones.
workers := -n auto --maxprocesses 4 --dist worksteal
# The Debian suite whose Docker `make test-next-engine` takes.
NEXT_SUITE ?= testing

.PHONY: help
help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-17s %s\n' "$$name" "$$text"; done

.PHONY: setup
setup: venv ## all that warroom needs here: environment, Docker engine, base image, settings
	@$(python) -X utf8 .ci/setup/machine.py

.PHONY: demo
demo: setup ## make an image from the chat, as a person would: review, confirm, progress, result
	.venv/bin/warroom say '/docker_image_create name=example_name dependencies=mechanize packages=wget' --yes

.PHONY: room
room: setup ## open a war room in the browser, on the engine that set-up found or started
	.venv/bin/warroom room

.PHONY: check
check: venv ## format, lint, types, architecture, unit tests; needs no engine
	$(step) 'format' .venv/bin/ruff format --check .
	$(step) 'lint' .venv/bin/ruff check .
	$(step) 'types' .venv/bin/mypy
	$(step) 'types of the set-up' .venv/bin/mypy .ci/setup/*.py
	$(step) 'architecture' .venv/bin/lint-imports
	@echo '→ unit tests'
	@.venv/bin/pytest tests/unit -q -n auto $(ARGS)

.PHONY: test
test: setup ## all tests, on the Docker engine that set-up found or started
	@$(python) -X utf8 .ci/setup/browser.py
	@$(python) -X utf8 .ci/setup/registry.py
	@$(python) -X utf8 .ci/setup/postgresql.py
	@echo '→ all tests'
	@.venv/bin/pytest $(workers) $(ARGS)

.PHONY: test-next-engine
test-next-engine: venv ## the engine tests on a newer Docker, run beside (root on Debian)
	@$(python) -X utf8 .ci/setup/registry.py
	@$(python) -X utf8 .ci/setup/next_engine.py $(NEXT_SUITE) $(ARGS)

.PHONY: test-alpine
test-alpine: venv ## the tests on Alpine, on a base that is made once (root on Debian)
	@$(python) -X utf8 .ci/setup/alpine.py $(workers) $(ARGS)

.PHONY: venv
venv: ## the virtual environment alone, .venv/
	@bash .ci/setup/venv.sh

.PHONY: lock
lock: venv ## renew the lock files from pyproject.toml (ARGS=--upgrade for newer versions)
	@bash .ci/setup/lock.sh $(ARGS)

.PHONY: engine-stop
engine-stop: venv ## end the Docker engine that set-up started
	@$(python) -X utf8 .ci/setup/engine.py stop

.PHONY: engine-clean
engine-clean: venv ## end it and remove all it has: images, containers, caches
	@$(python) -X utf8 .ci/setup/engine.py clean
