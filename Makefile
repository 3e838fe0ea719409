# What a newcomer and CI run. `make demo` and `make test` need a Rust toolchain and a C compiler;
# Postgres is found, or got, by scripts/postgres.sh.

.PHONY: help demo test build check-static bench torture soak clean

help:
	@echo 'make demo          the main job on real data, from a late database to a clean stop'
	@echo 'make test          everything that proves the project: format, lints, tests on a real Postgres'
	@echo 'make build         dist/init, the stripped, fully static release binary'
	@echo 'make check-static  build it, and run it in a root that holds nothing else'
	@echo 'make bench         the budgets of docs/bench.md, measured'
	@echo 'make soak          100,000 orphans and 1,000,000 signals: memory and descriptors stay where they were'
	@echo 'make torture       20 replicas at once, 50 rounds each of native, sh and Alembic migrations'

demo:
	@scripts/demo.sh

test:
	@scripts/test.sh

build:
	@scripts/build.sh

check-static: build
	@cargo build --locked --quiet --bins --examples
	@scripts/check-static.sh

bench: build
	@python3 scripts/bench

torture: build
	@scripts/torture
	@scripts/torture-native

soak: build
	@scripts/soak

clean:
	cargo clean
	rm -rf dist
