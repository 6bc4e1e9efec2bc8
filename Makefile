PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := runs/demo
FAST := not slow and not gpu and not browser

.DEFAULT_GOAL := help
.PHONY: help setup demo check fix test unit test-browser test-all bench screenshots clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(READY) ## Install pinned versions into .venv

# grad-cam without its dependencies: opencv-python-headless would overwrite the files of opencv-python;
# isic-challenge-scoring without its own: zipfile-deflate64 needs a compiler
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps -c constraints.txt grad-cam ttach \
	    isic-challenge-scoring click-pathlib rdp
	@touch $@

demo: $(READY) ## Train both phases and evaluate on embedded data, in minutes
	$(BIN)/python -m pretrain.main --output_dir $(DEMO)/pretrain --overwrite
	$(BIN)/python -m transfer.main --output_dir $(DEMO)/transfer --overwrite \
	    --pretrained_encoder $(DEMO)/pretrain/ae.pth
	$(BIN)/python -m transfer.evaluate --model_path $(DEMO)/transfer/best.pth --analyze_latent_space
	@echo "look at $(DEMO)/pretrain/report.html and $(DEMO)/transfer/report.html"

check: $(READY) ## Check format, lint, types and import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

fix: $(READY) ## Format the code and apply automatic fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(READY) ## Checks, and beside them the tests that are not slow and need no GPU and no browser
	$(MAKE) --no-print-directory -j2 check unit

# every process of the tests imports the packages, so what is compiled is kept
unit: export PYTHONDONTWRITEBYTECODE =
unit: $(READY)
	$(BIN)/python -m pytest -n auto --dist worksteal -m "$(FAST)" --durations=10

test-browser: $(READY) ## Test the reports (needs chromium and chromium-driver)
	$(BIN)/python -m pytest -m browser

test-all: check ## Check, then run every test
	$(BIN)/python -m pytest

bench: $(READY) ## Time the commands beside plain loops; BENCH=--quick takes half as long
	$(BIN)/python -m benchmarks.speed $(BENCH)
	$(BIN)/python -m benchmarks.around $(BENCH)

screenshots: $(READY) ## Photograph the reports of the demo (needs Chromium)
	$(BIN)/python docs/screenshots.py $(DEMO) docs/images

clean: ## Remove the environment and the caches of the tools
	rm -rf $(VENV) .pytest_cache .ruff_cache *.egg-info
