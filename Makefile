# Each target first sets up what it needs, in .venv, from requirements.lock.
# ARGS is passed to the program that the target runs:   make train-cnn ARGS="--trainer.max_epochs 3"
# PYTHON is the interpreter of .venv:                   make setup PYTHON=python3.12

PYTHON ?= python3
ARGS ?=
# Tests run in one process for each core; ARGS="-n 0" runs them in one (for a debugger, or --pdb).
PARALLEL := -n auto --dist worksteal
# Reliability tests often wait for processes that they have started: one more than there are cores.
WAITING := -n $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist worksteal

BIN := .venv/bin
READY := .venv/.ready
WANTED := deepdigits needs Python 3.11 to 3.14. If you have one: make setup PYTHON=python3.12

.DEFAULT_GOAL := help
.PHONY: help setup train-mlp train-cnn tensorboard demo bench bench-others pretrained screenshots test test-browser test-reliability test-all lint format typecheck lock clean distclean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## create .venv: the locked versions, and deepdigits in editable mode
	@echo "ready: $(BIN)/deepdigits --help"

train-mlp: $(READY) ## train the MLP, then test its best epoch
	$(BIN)/deepdigits train -c configs/mlp.yaml $(ARGS)

train-cnn: $(READY) ## train the CNN, then test its best epoch
	$(BIN)/deepdigits train -c configs/cnn.yaml $(ARGS)

tensorboard: $(READY) ## show all runs of lightning_logs/ in the browser
	$(BIN)/tensorboard --logdir lightning_logs --samples_per_plugin images=100 $(ARGS)

bench: $(READY) ## compare the speed with that of the recorded baseline commit: about 15 minutes on one core
	$(BIN)/deepdigits bench loop --epochs 2 --turns 4 --baseline $(ARGS)
	$(BIN)/deepdigits bench speedrun --seeds 1 --turns 3 --baseline $(ARGS)
	$(BIN)/deepdigits bench infer --turns 4 --baseline $(ARGS)
	$(BIN)/deepdigits bench data --limit 10000 --repeats 5 --turns 4 --baseline $(ARGS)

bench-others: $(READY) ## compare the speed with that of other packages: half an hour on 2 cores
	$(BIN)/deepdigits bench data
	$(BIN)/deepdigits bench loop
	$(BIN)/deepdigits bench loop --config configs/cnn.yaml --epochs 3
	$(BIN)/deepdigits bench speedrun --seeds 10 --classic
	$(BIN)/deepdigits bench infer
	$(BIN)/deepdigits bench memory
	$(BIN)/deepdigits bench scale

demo: $(READY) ## draw digits in the browser and see the predictions (ARGS: the runs to show)
	$(BIN)/deepdigits demo $(ARGS)

pretrained: $(READY) ## retrain the nets that come with the package (seed 0 of configs/cnn.yaml and mlp.yaml)
	$(BIN)/deepdigits repeat -c configs/cnn.yaml --seeds 1
	$(BIN)/python -m deepdigits.runs.bundled lightning_logs/cnn/seed_0 cnn
	$(BIN)/deepdigits bench cascade --model deepdigits/pretrained/cnn --save
	$(BIN)/deepdigits repeat -c configs/mlp.yaml --seeds 1
	$(BIN)/python -m deepdigits.runs.bundled lightning_logs/mlp/seed_0 mlp

screenshots: $(READY) ## make the README's pictures in docs/ from the latest run (needs chromium)
	PYTHONPATH=tests/browser $(BIN)/python docs/screenshots.py $(ARGS)

test: $(READY) ## run the tests, except the slow ones, those of the browser and the long reliability tests
	$(BIN)/pytest $(PARALLEL) $(ARGS)

test-browser: $(READY) ## test the dashboard and the demo in chromium
	$(BIN)/pytest -m browser $(ARGS)

test-reliability: $(READY) ## kill runs, fill disks, damage files: prints a table of what was lost
	$(BIN)/pytest $(WAITING) -m "not slow and not browser" tests/reliability $(ARGS)

test-all: $(READY) ## run all tests
	$(BIN)/pytest $(PARALLEL) -m "" $(ARGS)

lint: $(READY) ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY) ## fix style and format where ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: $(READY) ## check the types of the package
	$(BIN)/mypy

lock: $(BIN)/python ## update requirements.lock from pyproject.toml (newest versions: ARGS=--upgrade)
	$(BIN)/python -m pip install --quiet 'uv>=0.13,<0.14'
	UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--extra dev --generate-hashes --output-file requirements.lock $(ARGS) pyproject.toml

clean: ## remove caches and build outputs; never lightning_logs/ nor .venv
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find deepdigits tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv too; never lightning_logs/
	rm -rf .venv

# The stamp is written last, so an interrupted set-up is repeated; an unchanged lock installs nothing.
$(READY): pyproject.toml requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
	@touch $@

$(BIN)/python:
	@command -v $(PYTHON) > /dev/null || { echo '$(PYTHON): not found. $(WANTED)' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2> /dev/null || \
		{ echo "$(PYTHON): $$($(PYTHON) --version 2>&1 | head -n 1). $(WANTED)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || \
		{ echo '$(PYTHON) has no venv module. Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv .venv
