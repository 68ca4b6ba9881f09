# Everything there is to run. `make` alone lists it.
#
# `make run` and `make test` first install what is missing (.ci/prepare.sh). Nothing here is needed
# twice: the page is built when its sources changed, its packages are fetched when the lock changed.

CACHE ?= $(CURDIR)/target/cache
TARGET := $(or $(CARGO_TARGET_DIR),target)
STATIC_TARGET := x86_64-unknown-linux-gnu
# A static binary does not find getrandom by its name and would want /dev/urandom: it is linked in.
STATIC_FLAGS := -C target-feature=+crt-static -C target-cpu=x86-64-v3 --cfg getrandom_backend="linux_getrandom"
WEB := assets/web
# Node from the cache, where the distribution's is too old.
export PATH := $(CACHE)/node/bin:$(PATH)
export CACHE

PAGE := $(WEB)/dist/index.html
PACKAGES := $(WEB)/node_modules/.package-lock.json
# What `npm run generate` makes is no source.
PAGE_SOURCES = $(wildcard docs/openapi.json) $(shell find $(WEB) -type f \
	-not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/e2e/*' -not -name '*.test.ts' \
	-not -path '*/test-results/*' -not -path '*/playwright-report/*' -not -path '*/project.inlang/*' \
	-not -path '*/lib/paraglide/*' -not -path '*/lib/api/schema.d.ts')
STEP := .ci/step.sh

.DEFAULT_GOAL := help
.PHONY: help run test test-rust test-page test-clients test-browser web bench fuzz static audit openapi plugin-reference \
	prepare prepare-test

help: ## list what there is to run
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf 'make %-14s %s\n' "$$name" "$$text"; done

run: prepare ## install what is missing, build, and start the house
	@$(MAKE) --no-print-directory web
	cargo build --release
	exec $(TARGET)/release/chatelaine serve $(ARGS)

test: prepare-test ## everything: formatting, lints, unit, black-box and browser tests
	@$(MAKE) --no-print-directory web
	@$(STEP) "formatting" cargo fmt --check
	@$(STEP) "lints" cargo clippy --all-targets -- -D warnings
	@$(MAKE) --no-print-directory test-page test-rust test-browser
	@echo && echo "make test: everything is green"

test-rust: test-clients ## unit tests, the rules of the rooms, black-box tests on the real binary
	@CLIENTS_PYTHON="$(CACHE)/clients/bin/python" $(STEP) "unit and black-box tests" cargo test

test-clients: # Python clients for the black-box tests
	@.ci/python-clients.sh "$(CACHE)/clients"

test-page: $(PACKAGES) ## the page's types and unit tests
	@$(STEP) "page: types" npm --prefix $(WEB) run --silent check
	@$(STEP) "page: unit tests" npm --prefix $(WEB) test --silent

test-browser: $(PAGE) ## the page in a real browser against the real binary
	@$(STEP) "the binary" cargo test --quiet --no-run --test api
	@CHATELAINE_BIN="$(abspath $(TARGET))/debug/chatelaine" \
		CHROMIUM="$$(command -v chromium || command -v chromium-browser || command -v google-chrome)" \
		$(STEP) "browser tests" npm --prefix $(WEB) run --silent e2e

web: $(PAGE) ## build the page into assets/web/dist

$(PACKAGES): $(WEB)/package-lock.json
	@$(STEP) "the page's packages" npm --prefix $(WEB) ci --no-progress
	@touch $@

$(PAGE): $(PACKAGES) $(PAGE_SOURCES)
	@$(STEP) "the page" npm --prefix $(WEB) run --silent build
	@touch $@

openapi: ## refresh docs/openapi.json and the list of reasons in docs/API.md from the code
	cargo run --quiet --no-default-features -- openapi >docs/openapi.json.new
	mv docs/openapi.json.new docs/openapi.json
	cargo run --quiet --no-default-features -- openapi --guide docs/API.md >docs/API.md.new
	mv docs/API.md.new docs/API.md

plugin-reference: ## refresh plugins/api.d.rhai and the reference in docs/PLUGINS.md from the code
	cargo run --quiet --no-default-features -- plugin-reference >plugins/api.d.rhai.new
	mv plugins/api.d.rhai.new plugins/api.d.rhai
	cargo run --quiet --no-default-features -- plugin-reference --guide docs/PLUGINS.md >docs/PLUGINS.md.new
	mv docs/PLUGINS.md.new docs/PLUGINS.md

fuzz: test-clients ## ten minutes of requests made up from the API's description (SECONDS=600)
	cargo build --no-default-features
	"$(CACHE)/clients/bin/python" tests/clients/schemathesis_run.py $(TARGET)/debug/chatelaine $(or $(SECONDS),600)

bench: web ## the figures of docs/BENCHMARKS.md
	cargo bench --bench store_write --bench streaming --bench startup --bench plugin_call

static: prepare ## one file that needs nothing, checked in an empty root
	@$(MAKE) --no-print-directory web
	RUSTFLAGS='$(STATIC_FLAGS)' \
		cargo build --release --target $(STATIC_TARGET) --features static
	.ci/check-static.sh $(TARGET)/$(STATIC_TARGET)/release/chatelaine

audit: ## licences, bans and sources of every dependency; advisories where their database can be reached
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check bans licenses sources
	@if cargo deny fetch db >/dev/null 2>&1; then cargo deny check advisories; \
	else echo "skipped: advisories, because their database cannot be reached"; fi

prepare:
	@.ci/prepare.sh run

prepare-test:
	@$(STEP) "what is missing" .ci/prepare.sh test
