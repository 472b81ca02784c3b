.DEFAULT_GOAL := help
.PHONY: help setup book pdf chapter jupyter test lint sweep bench data clean

PYTHON := .venv/bin/python
INSTALLED := .venv/installed

help: ## Say what each verb does.
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | while IFS='	' read verb what; do printf '  make %-7s %s\n' "$$verb" "$$what"; done

setup: $(INSTALLED) ## Make .venv with the pinned packages and this one, editable.

book: setup ## Run the chapters that changed, build the pages, and print the one to open.
	@$(PYTHON) book/run.py

pdf: book ## Print the book into one PDF, build/disentangled.pdf, by a headless Chromium.
	@$(PYTHON) book/pdf.py

chapter: setup ## Run a chapter, the published one stays: make chapter NAME=beta_tcvae PROFILE=smoke
	@$(PYTHON) book/trial.py "$(NAME)" "$(or $(PROFILE),smoke)"

jupyter: setup ## Open a copy of a chapter in JupyterLab: make jupyter NAME=beta_tcvae
	@$(PYTHON) book/lab.py "$(NAME)"
	@$(PYTHON) -m pip install --disable-pip-version-check --quiet -c requirements.txt -e ".[jupyter]"
	@$(PYTHON) -m jupyterlab "build/jupyter/$(NAME).ipynb"

test: lint ## Check everything: style, types, package, chapters under the smoke profile, pages in a browser.
	@$(PYTHON) -m pytest --numprocesses auto --dist loadfile

lint: setup ## Check style (ruff) and types (mypy).
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check . && $(PYTHON) -m mypy

sweep: setup ## Train what is missing: make sweep EXPERIMENT=beta_tcvae PROFILE=laptop, or what fits: MINUTES=8
	@$(PYTHON) -m disentangled.sweeps $(EXPERIMENT) $(PROFILE) $(if $(MINUTES),--minutes $(MINUTES))

bench: setup ## Measure speed: ratios of our code to the plain way, in pairs, within one run.
	@$(PYTHON) bench/bench.py

data: setup ## Download official data into data/: make data, or make data NAME=smallnorb (or cars3d, shapes3d, cmnist, flowers102)
	@$(PYTHON) -m disentangled.data download $(NAME)

clean: ## Remove what was built or fetched; .venv, data and results stay.
	@rm -rf build book/_generated book/_static/vendor .pytest_cache .mypy_cache .ruff_cache

# The first Python of 3.11 or newer that can make an environment (Debian ships some without ensurepip).
$(INSTALLED): requirements.txt pyproject.toml
	@for python in $(or $(PYTHON3),python3 python3.13 python3.12 python3.11 python); do \
	  $$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; done; \
	if [ -z "$$python" ]; then echo "No Python of 3.11 or newer with venv was found: install one" \
	  "(Debian: apt-get install python3 python3-venv), or name it: make setup PYTHON3=/path/to/python3" >&2; exit 1; fi; \
	$$python -m venv .venv
	@$(PYTHON) -m pip install --disable-pip-version-check --quiet -r requirements.txt -e .
	@touch $@
