# Everything here needs only Python 3.11 and make. The first call builds .venv from requirements.lock; later calls
# start at once. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PYTHON_BIN := $(BIN)/python
STAMP := $(VENV)/.installed
UV_VERSION := 0.13.8
FUZZ_ENV := build/fuzz-env
FUZZ_STAMP := $(FUZZ_ENV)/.installed
CLIENT_ENV := build/client-env
CLIENT_STAMP := $(CLIENT_ENV)/.installed
CLIENT_LOCK := services/client/generator/requirements.lock

# Some editors and shells put the virtual environment of another project here; uv would believe it.
unexport VIRTUAL_ENV PYTHONHOME

# Where Python may not keep what it compiled, every process compiles the whole project, and the tests twice.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPATH := $(CURDIR)

.PHONY: help install up demo test reference test-faults test-unit check lint format-check types imports openapi openapi-check client format lock \
        bench-train bench-orchestration bench-select bench-sweep bench-api bench-validation mutants fuzz study-selection study-classification \
        study-allocation study-temporal study-memory study-from-scratch pretrain clean distclean \
        ui ui-dev ui-check ui-client test-ui test-page screenshots

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-20s %s\n", $$1, $$2}'

install: $(STAMP) ## Create .venv with the locked dependencies

up: $(STAMP) ## Start the whole platform on this machine; Ctrl-C stops it
	@exec $(BIN)/lim up

demo: $(STAMP) ## Fine-tune on speech through the HTTP API (DATA=DIR or CSV, HOLDOUT=name,name, MODEL=DIR, SET=field=value)
	@exec $(PYTHON_BIN) -m services.demo $(if $(DATA),--data '$(DATA)') $(if $(HOLDOUT),--holdout '$(HOLDOUT)') \
	    $(if $(MODEL),--model '$(MODEL)') $(foreach change,$(SET),--set '$(change)')

# One more than processors: long tests wait for other processes half of the time.
PROCESSES := --numprocesses $(shell echo $$(($$(nproc 2>/dev/null || echo 2) + 1))) --maxprocesses 8
# Each of these starts a platform, which keeps a processor busy: one more only makes all of them slower.
PLATFORMS := --numprocesses $(shell nproc 2>/dev/null || echo 2) --maxprocesses 8

# What needs no server fills the gaps between long tests, which begin; those that share servers stay together
# (tests/conftest.py). COVERAGE=1 prints how much of each module the tests of this process ran.
COVERED := $(if $(COVERAGE),--cov --cov-report=term)

test: $(STAMP) ## Unit, contract and integration tests, with real PostgreSQL, S3 and Ray (COVERAGE=1)
	@exec $(BIN)/pytest -m 'not faults and not e2e and not page' $(PROCESSES) --dist loadscope --no-loadscope-reorder $(COVERED)

test-faults: $(STAMP) ## Tests that kill processes or wait, and the whole product from the outside (ALL=1: every process in turn)
	@exec $(BIN)/pytest -m '(faults or e2e)$(if $(ALL),, and not exhaustive)' $(PLATFORMS) --dist loadscope --no-loadscope-reorder

test-unit: $(STAMP) ## Unit tests only (seconds, no network, no Ray)
	@exec $(BIN)/pytest tests/unit $(PROCESSES) --dist worksteal

check: $(STAMP) ## Lint, format, types and the floors
	@$(MAKE) --jobs=4 --output-sync=target --keep-going lint format-check types imports openapi-check ui-check

lint: $(STAMP)
	@echo "ruff check"; $(BIN)/ruff check .

format-check: $(STAMP)
	@echo "ruff format --check"; $(BIN)/ruff format --check .

types: $(STAMP)
	@echo "mypy"; $(BIN)/mypy

openapi-check: $(STAMP)
	@echo "docs/openapi.json"; $(BIN)/python -m services.api.openapi --check
	@grep -qF "$$(sha256sum docs/openapi.json | cut -d ' ' -f 1)" services/client/generated/__init__.py || \
	    { echo "services/client/generated is not of docs/openapi.json: run make client" >&2; exit 1; }
	@sha256sum docs/openapi.json | cut -d ' ' -f 1 | cmp -s - $(UI_CLIENT)/src/generated/openapi.sha256 || \
	    { echo "$(UI_CLIENT)/src/generated is not of docs/openapi.json: run make ui-client" >&2; exit 1; }

openapi: $(STAMP) ## Write docs/openapi.json and both clients anew
	@$(BIN)/python -m services.api.openapi
	@$(MAKE) client ui-client

client: $(CLIENT_STAMP) ## Generate the Python client from docs/openapi.json
	@$(PYTHON_BIN) -m services.client.generator

# The web page. Node.js 22 or newer of the machine, or of the pip package that requirements.lock holds.
UI_CLIENT := ui/packages/client
NODE := $(PYTHON_BIN) -m services.page.node

ui: $(STAMP) ## Build the web page into build/page, if its sources have changed
	@exec $(PYTHON_BIN) -m services.page.build

ui-dev: $(STAMP) ## The page from its sources, on a platform that runs with LIM_PUBLIC_URL=http://127.0.0.1:PORT (URL=... PORT=3000)
	@LIM_URL=$(or $(URL),http://127.0.0.1:8000) exec $(NODE) ui npx --no-install next dev -p $(or $(PORT),3000)

ui-check: $(STAMP)
	@echo "biome, tsc"; $(NODE) ui npx --no-install biome check . && cd ui && \
	    ../$(PYTHON_BIN) -m services.page.node . npx --no-install tsc --noEmit && \
	    ../$(PYTHON_BIN) -m services.page.node . npx --no-install tsc --noEmit -p packages/client

ui-client: $(STAMP) ## Generate the JavaScript client from docs/openapi.json
	@$(NODE) $(UI_CLIENT)/generator npm run --silent generate
	@sha256sum docs/openapi.json | cut -d ' ' -f 1 >$(UI_CLIENT)/src/generated/openapi.sha256

test-ui: $(STAMP) ## Vitest: the logic of the page
	@exec $(NODE) ui npx --no-install vitest run

test-page: ui ## The page in a browser, on a real platform; root installs Chromium when it is missing (TESTS=tests/page/test_story.py)
	@exec $(BIN)/pytest $(or $(TESTS),tests/page) -p no:xdist

screenshots: ui ## Pictures of every page, light and dark, three widths, in build/screenshots (URL=http://127.0.0.1:8000)
	@exec $(PYTHON_BIN) -m tests.page.screenshots --url $(or $(URL),http://127.0.0.1:8000)

imports: $(STAMP)
	@echo "lint-imports"; $(BIN)/lint-imports --no-logo --cache-dir .import_linter_cache

format: $(STAMP) ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix-only --quiet .; $(BIN)/ruff format .

COMPILE = $(BIN)/uv pip compile --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
    --no-emit-find-links --quiet $(if $(UPGRADE),--upgrade)

lock: $(STAMP) ## Recompile requirements.lock from pyproject.toml (UPGRADE=1 takes newer versions), and those of `make fuzz` and `make client`
	@$(COMPILE) pyproject.toml --extra dev --extra page -o requirements.lock
	@$(COMPILE) tests/fuzz/requirements.in -o tests/fuzz/requirements.lock
	@$(COMPILE) $(CLIENT_LOCK:.lock=.in) -o $(CLIENT_LOCK)

bench-train: $(STAMP) ## Our training loop beside Seq2SeqTrainer, same data (DATA=DIR, HOLDOUT=name,name or all, MODEL=DIR CONTEXT=short)
	@exec $(PYTHON_BIN) -m tests.benchmarks.train $(if $(DATA),--data '$(DATA)') $(if $(HOLDOUT),--holdout '$(HOLDOUT)') \
	    $(if $(MODEL),--model '$(MODEL)') $(if $(CONTEXT),--context '$(CONTEXT)')

bench-orchestration: $(STAMP) ## What Ray Jobs and Ray Train cost around the loop
	@exec $(PYTHON_BIN) -m tests.benchmarks.orchestration

bench-api: $(STAMP) ## Latency and throughput of the API on this machine's processors
	@exec $(PYTHON_BIN) -m tests.benchmarks.api

mutants: $(STAMP) ## Each field of the training config without its effect, against the tests that must then fail (ONLY=prefix)
	@exec $(PYTHON_BIN) -m tests.mutants $(if $(ONLY),--only '$(ONLY)')

fuzz: $(FUZZ_STAMP) ## 20,000 requests made of the OpenAPI document, against the real platform (REQUESTS=20000 SEED=1)
	@exec $(PYTHON_BIN) -m tests.fuzz $(if $(REQUESTS),--requests $(REQUESTS)) $(if $(SEED),--seed $(SEED))

reference: $(STAMP) ## Loss and gradients of a step beside plain transformers, peft and torch, for each family
	@exec $(PYTHON_BIN) -m tests.reference.arithmetic --out build/arithmetic.json

bench-select: $(STAMP) ## Finding speech by Ray Data beside a plain process pool; validation of 10 h of audio
	@exec $(PYTHON_BIN) -m tests.benchmarks.selection

bench-sweep: $(STAMP) ## A sweep that stops trials early beside the full grid; one that is killed and goes on (STEPS=36)
	@exec $(PYTHON_BIN) -m tests.benchmarks.sweep $(if $(STEPS),--steps $(STEPS))

STUDY_OPTIONS = $(if $(DATA),--data '$(DATA)') $(if $(MODEL),--model '$(MODEL)') $(if $(ARMS),--arms $(ARMS)) \
    $(if $(SEEDS),--seeds $(SEEDS)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(REPORT),--only-report) \
    $(if $(REPEAT),--repeat $(REPEAT))

study-selection: $(STAMP) ## Selection beside training on everything and plain baselines (DATA=DIR MODEL=DIR MINUTES=30 REPORT=1); hours, in pieces
	@exec $(PYTHON_BIN) -m tuning.studies.selection $(if $(DATA),--data '$(DATA)') $(if $(MODEL),--model '$(MODEL)') \
	    $(if $(SEEDS),--seeds $(SEEDS)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(REPORT),--only-report)

study-classification: $(STAMP) ## Adapters, a linear probe and full fine-tuning on recordings with labels (MODEL=DIR DATA='NAME=DIR')
	@exec $(PYTHON_BIN) -m tuning.studies.classification --model '$(MODEL)' $(if $(DATA),--data '$(DATA)')

study-memory: $(STAMP) ## Peak memory of 64 runs beside its prediction (MODEL=DIR of whisper-tiny.en, MINUTES=30 for a piece)
	@exec $(PYTHON_BIN) -m tuning.studies.memory $(if $(MODEL),--model '$(MODEL)') $(if $(MINUTES),--minutes '$(MINUTES)')

study-allocation: $(STAMP) ## Ranks by a sketch beside uniform, shuffled, EVA, AdaLoRA (DATA=DIR MODEL=DIR MINUTES=30 REPORT=1); hours, in pieces
	@exec $(PYTHON_BIN) -m tuning.studies.allocation $(STUDY_OPTIONS)

study-temporal: $(STAMP) ## Ranks that follow the audio beside six baselines (DATA=DIR SOUNDS=DIR MODEL=DIR MINUTES=30 REPORT=1); hours, in pieces
	@exec $(PYTHON_BIN) -m tuning.studies.temporal $(if $(SOUNDS),--sounds '$(SOUNDS)') $(STUDY_OPTIONS)

study-from-scratch: $(STAMP) ## CTC on spoken digits and retrieval on sounds, from random weights (DIGITS=DIR SOUNDS=DIR)
	@exec $(PYTHON_BIN) -m tuning.studies.from_scratch $(if $(DIGITS),--digits '$(DIGITS)') $(if $(SOUNDS),--sounds '$(SOUNDS)')

bench-validation: $(STAMP) ## Known defects found and good items lost, in five scripts (ITEMS=4000 in each SEED=0 LANGUAGES=en,ru REAL=DIR QUICK=1)
	@exec $(PYTHON_BIN) -m tests.corpora.defects --out build/defects --items $(or $(ITEMS),4000) --seed $(or $(SEED),0) \
	    $(if $(LANGUAGES),--languages '$(LANGUAGES)') $(if $(REAL),--real '$(REAL)') $(if $(QUICK),--quick)

pretrain: $(STAMP) ## Train the bundled whisper-pico from scratch by its recipe
	@exec $(PYTHON_BIN) -m engine.recipes.whisper_pico.pretrain --config configs/pretrain/whisper-pico.yaml

clean: ## Remove build products and caches (not .venv)
	@rm -rf build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find . -path ./$(VENV) -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf

distclean: clean ## Remove .venv too
	@rm -rf $(VENV)

# The environment. uv installs in a fraction of pip's time; where it cannot be had, pip does the same from the same
# file. Both check the hashes. Editable without build isolation: setuptools is locked, so nothing more is fetched.
$(STAMP): requirements.lock pyproject.toml
	@python=; \
	for candidate in $(PYTHON) python3.11 python3 python; do \
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then \
	        python=$$candidate; break; \
	    fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "Python 3.11 was not found. Install it, or name it: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; \
	fi; \
	uv=; \
	if ! $(PYTHON_BIN) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then \
	    echo "Creating $(VENV) with $$("$$python" --version)"; \
	    if "$$python" -c 'import ensurepip' 2>/dev/null; then "$$python" -m venv --clear $(VENV); \
	    elif command -v uv >/dev/null; then uv venv --quiet --clear --seed --python "$$python" $(VENV); \
	    elif "$$python" -m pip --version >/dev/null 2>&1; then \
	        "$$python" -m venv --clear --without-pip $(VENV); \
	        "$$python" -m pip --python $(PYTHON_BIN) install --quiet pip; \
	    else \
	        echo "This Python has neither ensurepip nor pip. On Debian and Ubuntu: apt install python3.11-venv" >&2; \
	        exit 1; \
	    fi; \
	fi; \
	if $(BIN)/uv --version 2>/dev/null | grep -qF ' $(UV_VERSION)'; then uv=$(BIN)/uv; \
	elif $(PYTHON_BIN) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); then uv=$(BIN)/uv; \
	elif command -v uv >/dev/null; then uv=uv; fi; \
	echo "Installing the locked dependencies (some GB; minutes when nothing is cached)"; \
	if [ -n "$$uv" ] && "$$uv" pip sync --python $(PYTHON_BIN) --require-hashes --quiet requirements.lock; then \
	    "$$uv" pip install --python $(PYTHON_BIN) --no-deps --no-build-isolation --quiet --editable .; \
	else \
	    echo "uv could not do it; pip does" >&2; \
	    $(PYTHON_BIN) -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements.lock; \
	    $(PYTHON_BIN) -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .; \
	fi; \
	$(PYTHON_BIN) -m compileall -q -j 0 $(VENV)/lib >/dev/null 2>&1 || true; \
	touch $@

# The generator of models has an environment of its own, too: nothing else needs what it brings.
$(CLIENT_STAMP): $(CLIENT_LOCK) $(STAMP)
	@$(BIN)/uv venv --quiet --clear --python $(PYTHON_BIN) $(CLIENT_ENV)
	@$(BIN)/uv pip sync --python $(CLIENT_ENV)/bin/python --require-hashes --quiet $(CLIENT_LOCK)
	@touch $@

# schemathesis has an environment of its own: it needs other versions of what the platform is tested with.
$(FUZZ_STAMP): tests/fuzz/requirements.lock $(STAMP)
	@$(BIN)/uv venv --quiet --clear --python $(PYTHON_BIN) $(FUZZ_ENV)
	@$(BIN)/uv pip sync --python $(FUZZ_ENV)/bin/python --require-hashes --quiet tests/fuzz/requirements.lock
	@touch $@
