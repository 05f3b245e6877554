# Every command of the repository. Each does its own set-up: all it needs is a shell, make, git and some Node with npm.
.DEFAULT_GOAL := help
SHELL := /bin/sh
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# The project's own Node (the `node` package), whatever the machine's is.
NODE := node_modules/.bin/node --disable-warning=ExperimentalWarning

.PHONY: help setup toolchains demo test check conformance bench bench-languages bench-guard bench-peers simulate simulate-mutations fuzz chaos dev clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: node_modules/.ready ## Install the packages (every other command does it when needed)

node_modules/.ready: package.json package-lock.json
	@command -v npm >/dev/null || { echo 'npm is missing: install Node.js (any version that still gets updates) and try again' >&2; exit 1; }
	@# Not `npm ci`: it refuses a lock file that was written where packages for other platforms could not be had.
	npm install --no-save --no-audit --no-fund --loglevel=error
	@$(NODE) -e 'if (+process.versions.node.split(".")[0] < 24) { console.error("the project Node is " + process.version + ", 24 is needed: is the install script of the package `node` allowed?"); process.exit(1); }'
	@touch $@

toolchains: setup ## Install what the workers' other languages need (apt packages when root on Debian)
	$(NODE) scripts/set-up-languages.ts
	$(NODE) scripts/set-up-fault-tools.ts

demo: toolchains ## Run the order fulfilment and a scientific workflow through real workers
	$(NODE) examples/demo.ts

test: toolchains ## Run every test there is; SUITE=python only one language's
	$(NODE) scripts/run-tests.ts $(SUITE)

check: toolchains ## Types, lint, format, import directions, unused code
	$(NODE) scripts/run-checks.ts

conformance: toolchains ## Run the conformance kit against every worker, right and wrong; WORKER=python only one, WORKER=wrong the wrong ones
	$(NODE) scripts/run-conformance.ts $(WORKER)

bench: setup ## Measure the engine beside the bare pipeline, in one run
	$(NODE) bench/main.ts $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(STORE),--store $(STORE)) $(if $(DOCS),--docs)

bench-languages: toolchains ## Compare workers in the four languages on the same orchestrator, in one run
	$(NODE) bench/languages/main.ts $(if $(ROUNDS),--rounds $(ROUNDS))

bench-guard: setup ## Fail when a step has become more than 25 % dearer than recorded; RECORD=1 records
	$(NODE) bench/guard/main.ts $(if $(RECORD),--record)

bench-peers: setup bench/peers/node_modules/.ready ## Measure Tasker beside BullMQ, Restate, DBOS, pg-boss, Graphile Worker, Temporal
	$(NODE) bench/peers/main.ts $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(PEER),--peer $(PEER)) $(if $(DOCS),--docs)

# Only this command needs them: packages of their own, and two servers from the system's packages.
bench/peers/node_modules/.ready: bench/peers/package.json bench/peers/install.sh
	@sh bench/peers/install.sh
	@touch $@

simulate: setup ## Run 1,000 random worlds with faults; SEEDS=n other than that, SEED=n one of them line by line
	$(NODE) simulation/run.ts

simulate-mutations: setup ## Prove that the simulation finds deliberate bugs (takes some minutes)
	$(NODE) simulation/run-mutations.ts

fuzz: setup ## Send 1,000,000 hostile messages to codec and session machines; MESSAGES=n other than that, SEED=n one round
	$(NODE) fuzz/run.ts

.PHONY: fuzz-http
fuzz-http: setup ## Let schemathesis loose on the HTTP API of a real orchestrator; EXAMPLES=n requests for each operation and phase
	$(NODE) tests/http-fuzz/run.ts

chaos: toolchains ## Kill, stop, cut and corrupt real processes for MINUTES=n (3), and audit what is left; FAULT=n only one
	$(NODE) chaos/run.ts

dev: setup ## Start an orchestrator that stays up, with the example templates
	npx tasker dev --templates examples

clean: ## Remove what was installed and made
	rm -rf node_modules .tasker bench/results bench/peers/node_modules bench/peers/bin chaos/results workers/python/.venv
