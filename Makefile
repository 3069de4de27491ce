# Candour. A newcomer needs two of these: `make demo` and `make test`.

PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
TESTERS ?= 6  # processes of tests, more than cores: many tests wait
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-reset check test verify soak lint tools attack bench docs messages lock clean

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: .venv/.runtime  ## start the sample organisation and say where to look (PORT=5050 make demo changes the port)
	@exec $(BIN)/python -m survey.demo.commands

demo-reset: .venv/.runtime  ## forget the sample organisation's data and start it anew
	@rm -rf instance/demo && echo "instance/demo is deleted; starting over."
	@exec $(BIN)/python -m survey.demo.commands

check: lint  ## lint, types and the tests of a room without servers or browser: make check ROOM=findings
	@$(PYTEST) --speed check $(if $(ROOM),tests/$(ROOM),--pure) -n 2 --dist worksteal -q

test: lint tools  ## run all that guards behaviour: lint, types, floors, units, both databases, browser, attacks in short
	@$(PYTEST) -p tests.complete --speed test -n $(TESTERS) --dist loadgroup

verify: .venv/.dev tools  ## run the long proofs: simulations, all attacks, kills and faults, fuzzing, scale (tests/proofs.py)
	@$(PYTEST) -p tests.complete --speed verify -n $(TESTERS) --dist loadgroup
	@$(BIN)/python -m tests.mutation

soak: .venv/.dev tools  ## run the long proofs at their full size (hours)
	@$(PYTEST) -p tests.complete --speed soak -n $(TESTERS) --dist loadgroup
	@$(BIN)/python -m tests.mutation --minutes 60

lint: .venv/.dev  ## check style, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

tools:  # what browser tests need besides Python: installed when missing and we may, else they say so and are skipped
	@missing=""; command -v chromium >/dev/null || missing="chromium"; \
	PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || missing="$$missing nginx-light"; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ]; then become=""; elif sudo -n true 2>/dev/null; then become="sudo -n"; else become=no; fi; \
	if [ "$$become" != no ] && command -v apt-get >/dev/null; then \
		echo "Installing for the browser tests: $$missing"; \
		{ $$become apt-get update -qq && $$become env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } >/dev/null && exit 0; \
	fi; \
	echo "Missing, so some browser tests are skipped. To enable them: sudo apt-get install $$missing"

attack: .venv/.dev  ## attack our own anonymity in full, and write what came of it where /promise prints it (some minutes)
	@$(BIN)/python -m tests.attacks.report

bench: .venv/.dev  ## measure the statistics and their speed, and write both into docs/ (some minutes)
	@$(BIN)/python -m tests.load.bench

docs: .venv/.dev  ## write docs/commands.md anew from the command line's own help
	@$(BIN)/python docs/write_commands.py > docs/commands.md.new && mv docs/commands.md.new docs/commands.md

messages: .venv/.dev  ## gather the sentences of letters anew, for translators (survey/translations/)
	@$(BIN)/pybabel --quiet extract -F pyproject.toml -k gettext -k ngettext:1,2 --add-location=file --sort-by-file --width=120 \
		--omit-header -o survey/translations/letters.pot .
	@$(BIN)/pybabel --quiet update -D letters -i survey/translations/letters.pot -d survey/translations --width=120 --no-fuzzy-matching

lock: .venv/.dev  ## renew the locked versions in deploy/ (make lock UPGRADE=--upgrade takes newer ones)
	@test -x $(BIN)/uv || $(PIP) install uv
	$(BIN)/$(LOCK) $(UPGRADE) pyproject.toml --group dev -o deploy/locked-dev.txt
	$(BIN)/$(LOCK) $(UPGRADE) pyproject.toml -o deploy/locked.txt
	$(BIN)/$(LOCK) $(UPGRADE) --group build -o deploy/locked-build.txt

clean:  ## delete what can be made again: .venv, caches, builds; instance/ with its data stays
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find survey tests migrations -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Candour needs Python 3.11 or newer. If you have one: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "This Python cannot make virtual environments. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "Making .venv and installing the locked versions; this takes a minute or two."
	@$(PYTHON) -m venv --clear .venv

# Tools first, then everything without build isolation: so nothing comes without its hash.
.venv/.runtime: deploy/locked.txt deploy/locked-build.txt pyproject.toml | .venv/bin/pip
	@$(PIP) install --require-hashes -r deploy/locked-build.txt
	@$(PIP) install --require-hashes --no-build-isolation --use-pep517 -r deploy/locked.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: deploy/locked-dev.txt deploy/locked-build.txt pyproject.toml | .venv/bin/pip
	@$(PIP) install --require-hashes -r deploy/locked-build.txt
	@$(PIP) install --require-hashes --no-build-isolation --use-pep517 -r deploy/locked-dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ .venv/.runtime
