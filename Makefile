# graincast. `make` runs the default workflow, `make test` the tests; `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := run

PYTHON ?= python3
VENV ?= .venv
CONFIG ?= config/config.yaml
PROFILE ?= default
TORCH ?= cpu
ARGS ?=
VERBOSE ?=

# A misspelt variable would have no effect. Names with _ are those of the environment.
TAKEN := ALL ARGS CONFIG DATA FROM INPUT KILLS MODEL NAMES OUT PORT PROFILE PYTHON SET SOURCE TO TORCH VENV VERBOSE
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(if $(findstring _,$(name)),,$(name))))
$(foreach name,$(filter-out $(TAKEN),$(GIVEN)),$(error no variable $(name): choose one of $(TAKEN)))

# The environment is complete when this file holds the pins it was made from.
PINS := envs/install.sh envs/requirements.lock envs/requirements-dev.lock envs/torch-$(TORCH).lock
$(if $(wildcard envs/torch-$(TORCH).lock),,$(error no TORCH=$(TORCH): choose one of $(patsubst envs/torch-%.lock,%,$(wildcard envs/torch-*.lock))))
READY := $(VENV)/.ready-$(TORCH)
SERVER_READY := $(VENV)/.server-ready
DOCS_READY := $(VENV)/.docs-ready

# What a person sees comes from snakemake_logger_plugin_graincast, found on Python's path; VERBOSE=1: Snakemake's lines.
snakemake = $(if $(VERBOSE),,PYTHONPATH="$(CURDIR)$${PYTHONPATH:+:$$PYTHONPATH}") snakemake \
  $(if $(VERBOSE),,--logger graincast) --workflow-profile profiles/$(PROFILE) --configfile "$(CONFIG)"

export PATH := $(abspath $(VENV))/bin:$(PATH)

.PHONY: run plan report data predict test test-unit fuzz torture test-all test-hpc lint format ui sync-tracking tracking-server tracking-backup tracking-restore lock audit conda-file container config-table docs pictures clean help

run: $(READY)  ## run the workflow (CONFIG=config/…yaml, PROFILE=default|slurm, TORCH=cpu|cuda, VERBOSE=1 for Snakemake's own lines, ARGS=…)
	@test -f profiles/$(PROFILE)/config.yaml || { echo "no profile $(PROFILE): profiles/ has $$(ls profiles | xargs)" >&2; exit 2; }
	@python -m graincast config --paths "$(CONFIG)" experiments >/dev/null
	@$(snakemake) $(ARGS)

plan: $(READY)  ## say what would run and why (CONFIG=config/…yaml, ARGS=--all)
	@python -m graincast plan "$(CONFIG)" $(ARGS)

report: $(READY)  ## write results/report.html: all results in one page (CONFIG=config/…yaml)
	@$(snakemake) $(ARGS) -- results/report.html

data: $(READY)  ## fetch a published data set (SET=published; ARGS="--to FOLDER"); without SET, list them
	@python -m graincast data $(SET) $(ARGS)

predict: $(READY)  ## apply a trained model to maps (MODEL= DATA= SOURCE= OUT=; or INPUT=name of CONFIG's predictions)
ifdef INPUT
	@$(snakemake) $(ARGS) -- "results/predictions/$(INPUT)"
else
	@test -n "$(MODEL)" -a -n "$(DATA)" || { echo "name INPUT=…, or MODEL=… and DATA=… (and SOURCE=…, OUT=…)" >&2; exit 2; }
	@python -m graincast predict --model "$(MODEL)" --data "$(DATA)" $(if $(SOURCE),--source "$(SOURCE)") \
	  --out "$(or $(OUT),predictions)" $(ARGS)
endif

test: $(READY) $(SERVER_READY) $(DOCS_READY) lint  ## all checks and tests
	@# tests on SLURM mostly wait, so they run beside the others, before those of servers; their output is shown last
	@shown=$$(mktemp); python -m pytest tests/hpc tests/server $(ARGS) >$$shown 2>&1 & side=$$!; trap "kill $$side" INT TERM; \
	status=0; python -m pytest tests/unit tests/programs tests/workflow -n 2 --dist loadscope --no-loadscope-reorder $(ARGS) || status=$$?; \
	wait $$side || status=$$?; cat $$shown; rm $$shown; exit $$status

test-unit: $(READY)  ## the unit tests alone (ARGS="-k sgc" for some of them)
	@python -m pytest tests/unit -n 2 --dist loadscope --no-loadscope-reorder $(ARGS)

bench: $(READY)  ## measure again every figure of speed that the documentation quotes (NAMES="potts sgc" for some)
	@python -m benchmarks $(NAMES)

fuzz: $(READY)  ## damage raw files in many more ways than the unit tests do (GRAINCAST_FUZZ=times as many)
	@GRAINCAST_FUZZ=$${GRAINCAST_FUZZ:-40} python -m pytest tests/unit/test_fuzzed_readers.py -s $(ARGS)

torture: $(READY)  ## kill whole workflows and each program at random points and compare what comes back (KILLS=300)
	@GRAINCAST_KILLS=$(or $(KILLS),300) python -m pytest tests/workflow/test_torture.py tests/workflow/test_killed_programs.py -s -m long $(ARGS)

test-all: $(READY) $(SERVER_READY) $(DOCS_READY)  ## all checks and tests, those marked `long` too
	@$(MAKE) test ARGS="-m 'long or not long' $(ARGS)"

test-hpc: $(READY)  ## the tests on a real SLURM and Apptainer, set up here (needs root on Debian 12)
	@GRAINCAST_HPC_TESTS=1 python -m pytest tests/hpc $(ARGS)

lint: $(READY)  ## style of Python and Snakemake files
	@ruff check . && ruff format --check .
	@mypy
	@snakefmt --check Snakefile rules
	@snakemake --lint

format: $(READY)  ## put Python and Snakemake files into the checked style
	@ruff check --fix . ; ruff format . ; snakefmt Snakefile rules

ui: $(READY)  ## serve MLflow's pages on http://127.0.0.1:5000, and print the address of each experiment (PORT=5001)
	@case "$${MLFLOW_TRACKING_URI:-}" in http*) echo "MLFLOW_TRACKING_URI names a server: its pages are at its address" >&2; exit 2;; esac
	@python -m scripts.track --tracking "$$(python -m graincast config "$(CONFIG)" tracking)" store --existing --port "$${PORT:-5000}"
	@PYTHONWARNINGS=ignore MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_LOGGING_LEVEL=WARNING \
	mlflow ui --uvicorn-opts "--log-level warning" --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///results/mlflow.db}" --host 127.0.0.1 --port $${PORT:-5000}

sync-tracking: $(READY)  ## send what could not be sent to MLflow (ALL=1: all results that the store does not have)
	@python -m scripts.track --tracking "$$(python -m graincast config "$(CONFIG)" tracking)" sync $(if $(ALL),--all)

tracking-server: $(SERVER_READY)  ## start a tracking server with accounts on http://127.0.0.1:5000 (docs/tracking-server.md)
	@$(from-environment)
	@exec python docker/tracking-server/serve.py

tracking-backup: $(SERVER_READY)  ## back the tracking server up (TO=folder)
	@$(from-environment)
	@python docker/tracking-server/backup.py $(or $(TO),$(error name a folder: make tracking-backup TO=…))

tracking-restore: $(SERVER_READY)  ## restore a backup into an empty tracking server (FROM=folder/tracking-DATE)
	@$(from-environment)
	@python docker/tracking-server/restore.py $(or $(FROM),$(error name a backup: make tracking-restore FROM=…))

# Whoever lists the machine's processes reads their arguments.
from-environment = $(foreach name,TRACKING_ADMIN_PASSWORD TRACKING_DATABASE_PASSWORD,$(if \
	$(filter command,$(origin $(name))),$(error give $(name) in the environment or by $(name)_FILE: other users see an argument)))true

lock: $(READY)  ## make the lock files in envs/ from the requirements there (ARGS=--upgrade: latest versions)
	@python -m tools.lock $(ARGS)
	@$(MAKE) conda-file

audit:  ## compare the locked packages with known vulnerabilities (needs a network)
	@$(PYTHON) tools/audit.py envs

conda-file: $(READY)  ## make envs/conda.yaml from the lock files
	@python -m tools.conda_file envs/requirements.lock envs/torch-cpu.lock --out envs/conda.yaml

container:  ## build the worker image for --use-singularity (ARGS="--variant cuda --base IMAGE")
	@docker/build.sh $(ARGS)

config-table: $(READY)  ## make config/README.md from the schema and the declarations
	@python -m tools.config_table config/README.md

docs: $(DOCS_READY)  ## build the documentation site in site/, which opens from disk (warnings are errors)
	@NO_MKDOCS_2_WARNING=1 python -m mkdocs --quiet build --strict
	@echo "site/index.html"

$(READY): $(PINS)
	@command -v $(PYTHON) >/dev/null || { echo "no program $(PYTHON); name a Python 3.11 or newer with PYTHON=…" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11) and "graincast needs Python 3.11 or newer; name one with PYTHON=…")'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) (a few minutes, once)"
	@rm -f $(VENV)/.ready*
	@PIP_FLAGS=-qq envs/install.sh $(VENV) $(TORCH) requirements-dev.lock
	@touch $@

$(SERVER_READY): $(READY) envs/requirements-server.lock
	@$(VENV)/bin/pip install -qq --disable-pip-version-check --require-hashes -r envs/requirements-server.lock
	@touch $@

$(DOCS_READY): $(READY) envs/requirements-docs.lock
	@$(VENV)/bin/pip install -qq --disable-pip-version-check --require-hashes -r envs/requirements-docs.lock
	@touch $@

pictures: $(READY)  ## make the pictures of the README and the docs (needs graphviz)
	@python -m docs.make_pictures

clean:  ## remove the environment and caches (results stay)
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' $(MAKEFILE_LIST)
