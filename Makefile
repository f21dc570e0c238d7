# One line per command; everything else is in `python -m infra.local --help`.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
CHECKOV := .venv-checkov

.DEFAULT_GOAL := help
.PHONY: help setup demo up down test check policy archive format lock sbom bench fuzz conformance explore storm docs

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): requirements-dev.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Uplook needs Python 3.11 or newer, this is {v[0]}.{v[1]}: name another with make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

setup: $(STAMP) ## create .venv with everything, pinned by hash

check: $(STAMP) policy ## format, lint, types, import contracts, what infra/ promises
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache
	$(PY) -m pytest -n auto --dist loadfile tests/policy

# An environment of its own: checkov pins versions of what we use, too.
$(CHECKOV)/.installed: requirements-checkov.txt $(STAMP)
	$(VENV)/bin/uv venv --quiet --allow-existing --python $(PY) $(CHECKOV)
	$(VENV)/bin/uv pip install --quiet --python $(CHECKOV)/bin/python --require-hashes -r requirements-checkov.txt
	@touch $@

policy: $(CHECKOV)/.installed ## checkov's security rules over infra/, offline
	$(CHECKOV)/bin/checkov --directory infra --framework terraform --skip-download --compact --quiet

archive: ## what the functions are made of, where Terraform looks for it
	@$(PYTHON) -m infra.archive

format: $(STAMP) ## format and fix what can be fixed
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

test: $(STAMP) ## every test
	$(PY) -m pytest -n auto --dist loadfile

docs: $(STAMP) ## every command in README and docs, as a reader would type it
	$(PY) -m pytest -n 2 --dist loadfile tests/docs

demo: $(STAMP) ## photos through the whole chain; IMAGES=folder takes yours, PUBSUB=official Google's emulator, BACKEND=vertex Vertex
	@$(PY) -m infra.local demo $(if $(IMAGES),--images "$(IMAGES)") $(if $(PUBSUB),--pubsub $(PUBSUB)) $(if $(BACKEND),--backend $(BACKEND))

up: $(STAMP) ## start the stack; it stays until make down, or Ctrl-C in a terminal
	@$(PY) -m infra.local up $(if $(PUBSUB),--pubsub $(PUBSUB)) $(if $(BACKEND),--backend $(BACKEND)) $(if $(FORGET),--forget) $(if $(STATE),--state "$(STATE)") $(if $(VIEWER_PORT),--viewer-port $(VIEWER_PORT))

down: $(STAMP) ## end the stack
	@$(PY) -m infra.local down $(if $(STATE),--state "$(STATE)")

lock: $(STAMP) ## pin requirements*.txt anew from requirements*.in, with hashes
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements.txt requirements-dev.in -o requirements-dev.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements-checkov.in -o requirements-checkov.txt

sbom: $(STAMP) ## bill of materials of what ships (CycloneDX): .build/sbom.cdx.json
	@mkdir -p .build
	@$(PY) -m infra.supply > .build/sbom.cdx.json
	@echo .build/sbom.cdx.json

bench: $(STAMP) ## benchmarks against their baselines: JSON on stdout, a table on stderr
	@$(PY) -m infra.bench $(ARGS)

fuzz: $(STAMP) ## coverage-guided fuzzing of all parsers, SECONDS=600 each
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-fuzz.txt
	$(PY) -m tests.fuzz.run --seconds $(or $(SECONDS),600) $(if $(TARGET),--target $(TARGET))

conformance: $(STAMP) ## Google's own system tests of the client libraries, against our emulators
	$(PY) -m infra.conformance.storage
	$(PY) -m infra.conformance.pubsub

explore: $(STAMP) ## crash the delivery protocol at every step, in every schedule: RANDOM_RUNS=100000 SEED=1
	$(PY) -m tests.explore --exhaustive --random $(or $(RANDOM_RUNS),100000) --seed $(or $(SEED),1)

storm: $(STAMP) ## duplicates, faults and kill -9 against real processes: IMAGES=300 COPIES=10 SEED=1
	@$(PY) -m tests.storm $(if $(IMAGES),--images $(IMAGES)) $(if $(COPIES),--copies $(COPIES)) $(if $(SEED),--seed $(SEED))
