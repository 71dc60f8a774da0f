# make setup | make demo | make test   (Python 3.11 to 3.13 and make are all it needs)
PYTHON ?= python3
BIN := .venv/bin
# Tests start the command hundreds of times; each start would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test heavy check node lock samples formats commands screenshots clean

setup: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Exit code 3 is an honest end: some cases wait for a person. The demo has a few on purpose.
demo: setup
	@rm -rf demo
	@$(BIN)/onefold site load data/samples/site.jsonl --site local:demo/site.db
	@$(BIN)/onefold migrate --config data/samples/onefold.toml --site local:demo/site.db --run demo/run --yes || [ $$? -eq 3 ]

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check node
	$(BIN)/pytest -n 2

# Minutes more: hundreds of kills, ten thousand calls under all faults, a limit of calls kept busy. CI runs them too.
# What is timed has the machine to itself.
heavy: setup
	$(BIN)/pytest -m "heavy and timed"
	$(BIN)/pytest -n 2 -m "heavy and not timed"

# With Node, the JavaScript SDK is tested against our server and axe looks at our pages; elsewhere those tests say that they
# are left out.
node:
	@if command -v npm >/dev/null && ! cmp -s tests/node/package-lock.json tests/node/node_modules/.locked; then \
	  npm ci --silent --prefix tests/node && cp tests/node/package-lock.json tests/node/node_modules/.locked; fi

# The set-up needs no uv; only renewing the pinned versions does.
lock:
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --upgrade -o requirements.lock

samples: setup
	$(BIN)/python data/samples/make.py

formats: setup
	$(BIN)/python -c "from connectors.exports.formats import described; print(described(), end='')" > docs/formats.md

commands: setup
	$(BIN)/python -c "from flows.cli.reference import described; print(described(), end='')" > docs/commands.md

screenshots: setup
	@rm -rf demo
	@$(BIN)/onefold site load data/samples/site.jsonl --site local:demo/site.db
	@$(BIN)/onefold plan --config data/samples/onefold.toml --site local:demo/site.db --run demo/run || [ $$? -eq 3 ]
	$(BIN)/python docs/screenshots.py demo/run

clean:
	rm -rf .venv demo runs dist tests/node/node_modules
