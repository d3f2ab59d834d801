# "make help" lists what can be made.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := program
.NOTPARALLEL:

# Go itself may be where its own archive puts it, each finds its own files, and what is
# built needs no C compiler.
export PATH := $(PATH):/usr/local/go/bin
export CGO_ENABLED := 0
unexport GOROOT

# The version is that of the newest entry in CHANGELOG.md. Without one the
# program says what its source says.
VERSION := $(shell grep -m1 -oP '^\x23+ .*?\K[0-9]+\.[0-9]+[0-9A-Za-z.+~-]*' CHANGELOG.md 2>/dev/null)
BUILDFLAGS := -trimpath -buildvcs=false
LDFLAGS := $(if $(VERSION),-ldflags '-X main.version=$(VERSION)')

.PHONY: program
program: ## build/ganeti-autorepair (default)
	go build $(BUILDFLAGS) $(LDFLAGS) -o build/ganeti-autorepair ./hooks/ganeti-autorepair

.PHONY: demo cluster-demo build/demo
demo: program build/demo ## a bad day of a simulated cluster, told pass by pass
	@build/demo
cluster-demo: program build/demo ## the same on a virtual cluster of the real Ganeti (root)
	@build/demo -real
build/demo:
	@go build $(BUILDFLAGS) -o $@ ./integration/cmd/demo

.PHONY: dist deb deb-source debian-git
dist: ## build/dist/*.tar.gz, the release; the same files give the same bytes
	@packaging/build-dist
deb: ## build/deb/*.deb, the package for this Debian release
	@packaging/build-deb
deb-source: ## build/deb-source/*.dsc, the source package
	@packaging/build-deb source
debian-git: ## build/debian-git/*/, a git repository of the release with debian/, for gbp and dgit
	@packaging/debian-git

GPGKEY ?=
REPOSITORY ?= build/repository
PACKAGES ?=
.PHONY: repository
repository: ## GPGKEY=... [REPOSITORY=folder]: a signed apt repository for Debian 12 and 13 (root)
	@packaging/build-repository '$(GPGKEY)' '$(REPOSITORY)' '$(PACKAGES)'

.PHONY: test
test: ## what needs neither root nor Ganeti: go vet, go test
	go vet ./...
	go test -vet=off ./...

# integration/check/ has a script for each step of the check.
.PHONY: check nightly
check: ## install what is missing, then run the tests of every kind (root)
	@integration/check/all
check-%: ## one step of it: make check-vet
	@integration/check/all $*
nightly: ## the check and the long tests: hours (root)
	@integration/check/nightly

.PHONY: spec-coverage
spec-coverage: ## the demands, and which scenarios and tests prove them
	@go test ./integration -count=1 -run '^TestDemandsAreCited$$' -v | sed -n 's/^ *coverage_test.go:[0-9]*: //p; /^FAIL/p'

RUNS := 10000
SEED := 1
.PHONY: simulate matrix guards
simulate: ## random scenarios: make simulate RUNS=10000 SEED=1
	GOGC=400 go test ./integration/scenario -count=1 -timeout 0 -run '^TestSimulation$$' -v -runs $(RUNS) -seed $(SEED)
matrix: ## every call of every scenario, disturbed in every way that can make a difference
	GOGC=400 go test ./integration/scenario -count=1 -timeout 0 -run '^TestCrashMatrix$$' -matrix distinct
guards: ## take the guards away, one at a time, and see which tests notice
	@go run ./integration/cmd/guards

# A cluster for use by hand: a real master over simulated nodes of any number.
NODES ?= 6
INSTANCES ?= 30
DESCRIPTION ?=
SIMCLUSTER := build/simcluster/simcluster -dir build/simcluster

.PHONY: cluster-up cluster-shell cluster-down build/simcluster/simcluster
build/simcluster/simcluster:
	@go build $(BUILDFLAGS) -o $@ ./integration/cmd/simcluster
cluster-up: program build/simcluster/simcluster ## NODES=6 INSTANCES=30 [DESCRIPTION=file]: a real master over simulated nodes, in the background (root)
	@$(SIMCLUSTER) up -nodes $(NODES) -instances $(INSTANCES) -file '$(DESCRIPTION)'
	@echo "make cluster-shell enters it, make cluster-down ends it; power off a node with"
	@echo "$(SIMCLUSTER) power-off n1; the program is $(CURDIR)/build/ganeti-autorepair"
cluster-shell: program build/simcluster/simcluster ## a shell on the master of cluster-up, or else of a fresh virtual cluster (root)
	@echo "Inside, the program is $(CURDIR)/build/ganeti-autorepair"
	@$(SIMCLUSTER) $(if $(wildcard build/simcluster/pid),shell,real)
cluster-down: ## end the cluster of cluster-up (root)
	@$(SIMCLUSTER) down

# Tests on real clusters that take long.
CLUSTER_TEST := go test -tags cluster -count=1 -timeout 0
TRIXIE := -exec '$(CURDIR)/integration/system/run $(CURDIR)/build/_system/trixie'
ROUNDS ?= 200

.PHONY: cluster chaos storm rows kills rehearsals cluster-trixie bench
cluster: ## all tests on real clusters but those below (root)
	@integration/check/cluster all
chaos: ## ROUNDS=200 SEED=1: kills and bad luck on a real master over simulated nodes (root)
	$(CLUSTER_TEST) -v -run '^TestChaos$$' ./integration -args -chaos.rounds=$(ROUNDS) -chaos.seed=$(SEED)
storm: ## a node with 40 primaries dies in a cluster of 200 instances (root)
	$(CLUSTER_TEST) -v -run '^TestStorm$$' ./integration -args -storm
rows: ## every row of the table of repairs, on both hypervisors each (root)
	$(CLUSTER_TEST) -v -run '^TestEveryRow$$' ./integration -args -rows
kills: ## the program is killed at twenty points of a pass (root)
	$(CLUSTER_TEST) -v -run '^TestKilledAtTwentyPoints$$' ./integration -args -kills
rehearsals: ## nodes of 40 random clusters are rehearsed, then lost (root)
	$(CLUSTER_TEST) -v -run '^TestRehearsal$$' ./integration -args -rehearsals=40
cluster-trixie: ## all tests on real clusters, every row and the whole storm, on Ganeti 3.1 (root)
	@integration/system/make trixie
	$(CLUSTER_TEST) $(TRIXIE) -parallel 4 ./integration ./integration/vcluster ./integration/simcluster
	$(CLUSTER_TEST) $(TRIXIE) -run '^Test(EveryRow|Storm)$$' ./integration -args -rows -storm
bench: program ## this program beside harep and the bare calls, on a real master over simulated nodes (root)
	@go build $(BUILDFLAGS) -o build/bench ./integration/cmd/bench
	@build/bench -program build/ganeti-autorepair -json build/bench.json

.PHONY: clean help
clean: ## remove what was built
	rm -rf --one-file-system build
help: ## this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
