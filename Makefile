# Every command of the repository. Each does its own set-up: all it needs is a shell, make, git and some Node with npm.
.DEFAULT_GOAL := help
SHELL := /bin/sh
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# The project's own Node (the `node` package), whatever the machine's is.
NODE := node_modules/.bin/node --disable-warning=ExperimentalWarning

.PHONY: help setup demo test check bench dev clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: node_modules/.ready ## Install the packages (every other command does it when needed)

node_modules/.ready: package.json package-lock.json
	@command -v npm >/dev/null || { echo 'npm is missing: install Node.js (any version that still gets updates) and try again' >&2; exit 1; }
	@# Not `npm ci`: it refuses a lock file that was written where packages for other platforms could not be had.
	npm install --no-save --no-audit --no-fund --loglevel=error
	@$(NODE) -e 'if (+process.versions.node.split(".")[0] < 24) { console.error("the project Node is " + process.version + ", 24 is needed: is the install script of the package `node` allowed?"); process.exit(1); }'
	@touch $@

demo: setup ## Run the order fulfilment and a scientific workflow through real workers
	$(NODE) examples/demo.ts

test: setup ## Run every test there is
	$(NODE) scripts/run-tests.ts

check: setup ## Types, lint, format, import directions, unused code
	npm run --silent check

bench: setup ## Measure the engine beside the bare pipeline, in one run
	$(NODE) bench/main.ts $(if $(SCENARIO),--scenario $(SCENARIO))

dev: setup ## Start an orchestrator that stays up, with the example templates
	npx tasker dev --templates examples

clean: ## Remove what was installed and made
	rm -rf node_modules .tasker bench/results
