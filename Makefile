# make demo: from a bare checkout to a running site.   make test: from a bare checkout to a green suite.

PYTHON ?= python3
PORT ?= 8000
RADICALE_PORT ?= $(shell expr $(PORT) + 1)
TEST_WORKERS ?= $(shell nproc)
ARGS ?=

BIN := .venv/bin
APT := DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0
CHROMIUMS := chromium chromium-browser google-chrome

# What `check --deploy` looks at is a production site; these values belong to no site.
PRODUCTION := PUBLIC_BASE_URL=https://appointments.example ALLOWED_HOSTS=appointments.example \
	SECRET_KEY=a-value-for-this-check-only-0123456789-abcdefghijklmnopqrstuvwxyz \
	NOTE_KEY_RING=check:Y2hlY2stb25seS1rZXktMDEyMzQ1Njc4OS0tLWNoZWM=

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help install install-pango install-poppler install-browser demo seed test check messages bench chaos lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo     run the site on port $(PORT) with a sample organisation (PORT=8080 for another)"
	@echo "make test     run the tests (ARGS='-k grid' for some)"
	@echo "make check    lint, types, layers, migrations, deployment settings"
	@echo "make messages bring the catalogues of translated text up to date (LANGUAGE=es for one alone)"
	@echo "make bench    measure speed (ARGS='--only calendars' for a part)"
	@echo "make chaos    let everything fail while messages are sent and calendars kept equal, and see that none is lost (ARGS='--seed 7')"
	@echo "make seed     load the sample organisation and nothing else"
	@echo "make install  prepare .venv from requirements.lock; the others do it themselves"
	@echo "make lock     renew both locks from pyproject.toml (needs uv)"
	@echo "make clean    remove .venv and what tools left; the data in .data stays"

# The lock that is installed is kept beside it: an unchanged lock costs nothing.
install:
	@cmp -s requirements.lock $(BIN)/../requirements.lock || { \
		set -e; umask 022; \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
			{ echo "SecureCare needs Python 3.11 or later: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; }; \
		rm -rf .venv; \
		$(PYTHON) -m venv .venv >/dev/null 2>&1 || { \
			rm -rf .venv; \
			test "$$(id -u)" = 0 || { echo "Python cannot make a virtual environment. Run: sudo apt-get install python3-venv"; exit 1; }; \
			$(APT) update; $(APT) install -y --no-install-recommends python3-venv; \
			$(PYTHON) -m venv .venv; }; \
		echo "Installing what requirements.lock names into .venv (about a minute)"; \
		$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock; \
		cp requirements.lock .venv/requirements.lock; }

# WeasyPrint, which makes the PDFs of documents, draws text with Pango.
install-pango: install
	@$(BIN)/python -c 'import weasyprint' 2>/dev/null && exit 0; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
		echo "Installing Pango for PDFs"; \
		$(APT) update && $(APT) install -y --no-install-recommends libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core fonts-liberation >/dev/null; \
	else \
		echo "There is no Pango here: documents can be signed, and their sealing waits. To have it: sudo apt-get install libpangoft2-1.0-0 libharfbuzz-subset0"; \
	fi

# pdfsig shows that somebody else's program finds our seals valid.
install-poppler:
	@command -v pdfsig >/dev/null && exit 0; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
		$(APT) update && $(APT) install -y --no-install-recommends poppler-utils >/dev/null; \
	else \
		echo "There is no pdfsig here: its test will be skipped. To run it: sudo apt-get install poppler-utils"; \
	fi

install-browser:
	@for name in $$CHROMIUM $(CHROMIUMS); do command -v "$$name" >/dev/null && exit 0; done; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the browser tests"; \
		$(APT) update && $(APT) install -y --no-install-recommends chromium >/dev/null; \
	else \
		echo "There is no Chromium here: the browser tests will be skipped. To run them: sudo apt-get install chromium"; \
	fi

demo: install install-pango
	@PUBLIC_BASE_URL=$${PUBLIC_BASE_URL:-http://localhost:$(PORT)} \
		exec $(BIN)/python manage.py demo --port $(PORT) --calendar-port $(RADICALE_PORT)

seed: install
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py seed_demo $(ARGS)

test: install install-pango install-poppler install-browser
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING

# Many systems export a LANGUAGE of their own; only one given to make counts.
messages: install
	@$(BIN)/python manage.py catalogues $(if $(filter command,$(origin LANGUAGE)),--language $(LANGUAGE))

bench: install
	$(BIN)/python -m bench $(ARGS)

chaos: install
	$(BIN)/python -m bench.chaos $(ARGS)

LOCK := uv pip compile pyproject.toml --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --quiet

lock:
	$(LOCK) --extra dev --upgrade --output-file requirements.lock
	$(LOCK) --constraint requirements.lock --output-file requirements-production.lock

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache test-results
	find . -name __pycache__ -prune -exec rm -rf {} +
