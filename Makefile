# One line per command; everything else is in `python -m infra.local --help`.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
LOCAL := $(VENV)/.local-installed
DEV := $(VENV)/.dev-installed
FUZZ := $(VENV)/.fuzz-installed
CHECKOV := .venv-checkov
CONSUMERS := .venv-consumers
TRACING := .venv-tracing
# The local eyes' detector, from an npm package: left out in a line where that cannot be had (docs/decisions/0029).
EYES := infra/emulators/gemini/vision/weights.py
# A lock names every file, and nothing is looked up beside it: what else the index holds must not matter (docs/decisions/0009).
# Most modules are never imported: bytecode comes with the first import.
LOCKED := --require-hashes --no-deps --only-binary :all:
INSTALL := $(PY) -m pip --quiet --disable-pip-version-check install $(LOCKED) --no-user --no-compile
# What a shell says to other Pythons, and to other installations, is not meant for these.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH PIP_CONSTRAINT PIP_PREFIX PIP_ROOT PIP_TARGET UV_CONSTRAINT UV_OVERRIDE
# Two for each core: many tests wait for servers and for children most of their time. TEST_PROCESSES=1 runs all in one.
PROCESSES_PER_CORE = 2
TEST_PROCESSES ?= $(shell $(PY) -c 'import os; print($(PROCESSES_PER_CORE) * (os.cpu_count() or 1))')
# Files run in the order of their names: tests/unit, whose files are many and short, fills up what the long ones leave.
PYTEST = $(PY) -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup demo up down test test-clock check policy archive format lock sbom bench fuzz conformance explore storm load docs eyes

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(PY):
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: name the Python to use, for example: make setup PYTHON=python3.14" >&2; exit 1; }
	@$(PYTHON) infra/python_check.py
	$(PYTHON) -m venv $(VENV)

# What pip and npm bring comes side by side: nobody waits for both.
$(LOCAL): requirements-local.txt $(wildcard $(EYES)) | $(PY)
	@$(PY) infra/python_check.py
	@$(PY) $(EYES) & eyes=$$!; echo '$(INSTALL) --requirement requirements-local.txt'; \
	$(INSTALL) --requirement requirements-local.txt; code=$$?; wait $$eyes; exit $$code
	@$(PY) -m pip check
	@touch $@

# Tests start hundreds of Pythons, some of them forbidden to write bytecode: so it is all there before.
$(DEV): requirements-dev.txt $(LOCAL)
	$(INSTALL) --requirement requirements-dev.txt
	@$(PY) -m pip check
	@$(PY) -m compileall -q -j 0 $(VENV)/lib
	@touch $@

$(FUZZ): requirements-fuzz.txt $(DEV)
	$(INSTALL) --requirement requirements-fuzz.txt
	@$(PY) -m pip check
	@touch $@

# An environment of its own: checkov pins versions of what we use, too.
$(CHECKOV)/.installed: requirements-checkov.txt $(DEV)
	$(VENV)/bin/uv venv --quiet --allow-existing --python $(PY) $(CHECKOV)
	$(VENV)/bin/uv pip install --quiet --python $(CHECKOV)/bin/python $(LOCKED) --requirement requirements-checkov.txt
	@$(VENV)/bin/uv pip check --quiet --python $(CHECKOV)/bin/python
	@touch $@

# The tools that read our exports clash with what we develop with. Of their dependencies only those are there that they
# import (requirements-consumers.in), so there is nothing for `pip check` to check.
$(CONSUMERS)/.installed: requirements-consumers.txt $(DEV)
	$(VENV)/bin/uv venv --quiet --allow-existing --python $(PY) $(CONSUMERS)
	$(VENV)/bin/uv pip install --quiet --python $(CONSUMERS)/bin/python $(LOCKED) --requirement requirements-consumers.txt
	@touch $@

# What `tracing = true` builds functions with, as it ships: a function of the tests runs on it alone.
$(TRACING)/.installed: requirements-tracing.txt $(DEV)
	$(VENV)/bin/uv venv --quiet --allow-existing --python $(PY) $(TRACING)
	$(VENV)/bin/uv pip install --quiet --python $(TRACING)/bin/python $(LOCKED) --requirement requirements-tracing.txt
	@$(VENV)/bin/uv pip check --quiet --python $(TRACING)/bin/python
	@touch $@

setup: $(DEV) ## create .venv with everything that make check and make test need, pinned by hash
	@echo "$(VENV) is ready: $$($(PY) --version)"

check: $(DEV) policy ## format, lint, types, import contracts, checkov over infra/
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

policy: $(CHECKOV)/.installed ## checkov's security rules over infra/, offline
	@said=$$($(CHECKOV)/bin/checkov --directory infra --framework terraform --skip-download --compact --quiet); code=$$?; \
	echo "$$said"; case "$$said" in *"Parsing errors"*) echo "A file of infra/ was not read, and not judged." >&2; exit 1 ;; esac; exit $$code

archive: ## what the functions are made of, where Terraform looks for it
	@$(PYTHON) -m infra.archive

format: $(DEV) ## format and fix what can be fixed
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

test: $(DEV) $(CONSUMERS)/.installed $(TRACING)/.installed ## every test
	$(PYTEST)

docs: $(DEV) ## every command in README and docs, as a reader would type it
	$(PYTEST) tests/docs

# The pure part of the suite, and how many days ahead it must pass. --exclude-monotonic and tests/other_days let waits
# end as ever, so that DAYS=400 TESTS=tests/contract works, too. What only reads pixels and answers knows no day, nor does
# what plays every step on a clock of its own (`every_step`), and both take most of the time. A fix of
# libfaketime's for faked monotonic clocks is off: none is faked here, and with it waits of threads end too early and spin.
DAYS ?= 31 366 1096
TESTS ?= tests/repo/test_generated.py tests/repo/test_supply_chain.py tests/unit $(foreach each,image prepare mask overlay replies answer_shapes,--ignore-glob='*/test_core_$(each)*') --ignore-glob='*/test_emulator_gemini_*'

test-clock: PROCESSES_PER_CORE = 1
test-clock: $(DEV) ## the tests without servers, a month, a year and three years ahead; TESTS=tests/unit for all of them
	@command -v faketime >/dev/null || { echo "test-clock is skipped: it needs faketime (apt-get install faketime)"; exit 0; }; \
	for days in $(DAYS); do echo "in $$days days:"; PYTHONPATH=tests/other_days FAKETIME_FORCE_MONOTONIC_FIX=0 faketime --exclude-monotonic -f "+$${days}d" \
	$(PYTEST) --hypothesis-profile other-days -m "not every_step" $(TESTS) || exit 1; done

demo: $(LOCAL) ## photos through the whole chain; IMAGES=folder takes yours, FRESH=1 asks again, GEMINI=real costs money
	@$(PY) -m infra.local demo $(if $(IMAGES),--images "$(IMAGES)") $(if $(PUBSUB),--pubsub $(PUBSUB)) $(if $(BACKEND),--backend $(BACKEND)) $(if $(STATE),--state "$(STATE)") $(if $(FRESH),--fresh) $(if $(GEMINI),--gemini $(GEMINI)) $(if $(YES),--yes)

up: $(LOCAL) ## start the stack; it stays until make down, or Ctrl-C in a terminal; PUBSUB=official, BACKEND=vertex, GEMINI=real
	@$(PY) -m infra.local up $(if $(PUBSUB),--pubsub $(PUBSUB)) $(if $(BACKEND),--backend $(BACKEND)) $(if $(FORGET),--forget) $(if $(STATE),--state "$(STATE)") $(if $(VIEWER_PORT),--viewer-port $(VIEWER_PORT)) $(if $(GEMINI),--gemini $(GEMINI)) $(if $(YES),--yes)

eyes: | $(PY) ## fetch the detector that names things locally, if it was left out; TARBALL=file.tgz takes it from there
	@$(PY) $(EYES) $(if $(TARBALL),"$(TARBALL)")

down: $(LOCAL) ## end the stack
	@$(PY) -m infra.local down $(if $(STATE),--state "$(STATE)")

lock: $(DEV) ## pin requirements*.txt anew from requirements*.in, with hashes
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements.txt requirements-local.in -o requirements-local.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements-local.txt requirements-dev.in -o requirements-dev.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements-checkov.in -o requirements-checkov.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-deps -c requirements-dev.txt requirements-consumers.in -o requirements-consumers.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements-dev.txt requirements-parquet.in -o requirements-parquet.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-deps -c requirements-dev.txt requirements-evaluate.in -o requirements-evaluate.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements.txt requirements-tracing.in -o requirements-tracing.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements-dev.txt requirements-conformance.in -o requirements-conformance.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements-fuzz.in -o requirements-fuzz.txt

sbom: $(LOCAL) ## bill of materials of what ships (CycloneDX): .build/sbom.cdx.json
	@mkdir -p .build
	@$(PY) -m infra.supply > .build/sbom.cdx.json
	@echo .build/sbom.cdx.json

bench: $(DEV) ## benchmarks against their baselines: JSON on stdout, a table on stderr
	@$(PY) -m infra.bench $(ARGS)

fuzz: $(FUZZ) ## coverage-guided fuzzing of all parsers, SECONDS=600 each
	$(PY) -m tests.fuzz.run --seconds $(or $(SECONDS),600) $(if $(TARGET),--target $(TARGET))

conformance: $(DEV) ## Google's own system tests of the client libraries, against our emulators
	$(PY) -m infra.conformance.storage
	$(PY) -m infra.conformance.pubsub

explore: $(DEV) ## crash the delivery protocol at every step, in every schedule: RANDOM_RUNS=100000 SEED=1
	$(PY) -m tests.explore --exhaustive --random $(or $(RANDOM_RUNS),100000) --seed $(or $(SEED),1)

storm: $(DEV) ## duplicates, faults and kill -9 against real processes: IMAGES=300 COPIES=10 SEED=1
	@$(PY) -m tests.storm $(if $(IMAGES),--images $(IMAGES)) $(if $(COPIES),--copies $(COPIES)) $(if $(SEED),--seed $(SEED))

load: $(LOCAL) ## a load on the local stack, and its simulation: RATE=2 SECONDS=60 BURST=5 MODEL_S=2 SEED=1 SEARCH=1 JSON=file
	@$(PY) -m infra.load $(if $(RATE),--rate $(RATE)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(BURST),--burst $(BURST)) $(if $(MODEL_S),--model-s $(MODEL_S)) $(if $(SEED),--seed $(SEED)) $(if $(SEARCH),--search) $(if $(JSON),--json "$(JSON)")
