PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := runs/demo
FAST := not slow and not gpu and not browser

.DEFAULT_GOAL := help
.PHONY: help setup demo check fix test test-browser test-all screenshots clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(READY) ## Make .venv with pinned versions

# grad-cam comes without what it asks for: opencv-python-headless overwrites the files of opencv-python
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps -c constraints.txt grad-cam ttach
	@touch $@

demo: $(READY) ## Both phases and the evaluation on embedded data, in minutes
	$(BIN)/python -m pretrain.main --output_dir $(DEMO)/pretrain --overwrite
	$(BIN)/python -m transfer.main --output_dir $(DEMO)/transfer --overwrite \
	    --pretrained_encoder $(DEMO)/pretrain/ae.pth
	$(BIN)/python -m transfer.evaluate --model_path $(DEMO)/transfer/best.pth --analyze_latent_space
	@echo "look at $(DEMO)/pretrain/report.html and $(DEMO)/transfer/report.html"

check: $(READY) ## Format, lint, types, and the one-way imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

fix: $(READY) ## Format, and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: check ## Checks, and the tests that are not slow and need no GPU and no browser
	$(BIN)/python -m pytest -n auto --dist loadfile -m "$(FAST)" --durations=10

test-browser: $(READY) ## Tests of the pages in a headless Chromium (apt-get install chromium chromium-driver)
	$(BIN)/python -m pytest -m browser

test-all: check ## Checks and every test
	$(BIN)/python -m pytest

screenshots: $(READY) ## The pictures of the README, of the pages that make demo left (needs Chromium)
	$(BIN)/python docs/screenshots.py $(DEMO) docs/images

clean: ## Remove the environment and what the tools left
	rm -rf $(VENV) .pytest_cache .ruff_cache *.egg-info
