# "make help" lists what can be made.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := program
.NOTPARALLEL:

# Go itself may be where its own archive puts it.
export PATH := $(PATH):/usr/local/go/bin
# Each Go finds its own.
unexport GOROOT

# The version is that of the newest entry in CHANGELOG.md. Without one the
# program says what its source says.
VERSION := $(shell grep -m1 -oP '^\x23+ .*?\K[0-9]+\.[0-9]+[0-9A-Za-z.+~-]*' CHANGELOG.md 2>/dev/null)
BUILDFLAGS := -trimpath -buildvcs=false
LDFLAGS := $(if $(VERSION),-ldflags '-X main.version=$(VERSION)')

.PHONY: program
program: ## build/ganeti-autorepair (default)
	go build $(BUILDFLAGS) $(LDFLAGS) -o build/ganeti-autorepair ./hooks/ganeti-autorepair

.PHONY: test
test: ## what needs neither root nor Ganeti: go vet, go test
	go vet ./...
	go test ./...

.PHONY: spec-coverage
spec-coverage: ## the demands, and which scenarios and tests prove them
	@go test ./integration -count=1 -run '^TestDemandsAreCited$$' -v | sed -n 's/^ *coverage_test.go:[0-9]*: //p; /^FAIL/p'

RUNS := 10000
SEED := 1
.PHONY: simulate
simulate: ## random scenarios: make simulate RUNS=10000 SEED=1
	GOGC=400 go test ./integration/scenario -count=1 -timeout 0 -run '^TestSimulation$$' -v -runs $(RUNS) -seed $(SEED)

.PHONY: matrix
matrix: ## every call of every scenario, disturbed in every way that can make a difference
	GOGC=400 go test ./integration/scenario -count=1 -timeout 30m -run '^TestCrashMatrix$$' -matrix distinct

.PHONY: guards
guards: ## take the guards away, one at a time, and see which tests notice
	@go run ./integration/cmd/guards

.PHONY: demo
demo: program build/demo ## a bad day of a simulated cluster, told pass by pass
	@build/demo

.PHONY: cluster-demo
cluster-demo: program build/demo ## the same on a virtual cluster of the real Ganeti (root)
	@build/demo -real

.PHONY: build/demo
build/demo:
	@go build $(BUILDFLAGS) -o $@ ./integration/cmd/demo

# A cluster for use by hand: a real master over simulated nodes of any number.
NODES ?= 6
INSTANCES ?= 30
DESCRIPTION ?=
SIMCLUSTER := build/simcluster/simcluster -dir build/simcluster

.PHONY: cluster-up
cluster-up: program ## NODES=6 INSTANCES=30 [DESCRIPTION=file]: a real master over simulated nodes, in the background (root)
	@go build $(BUILDFLAGS) -o build/simcluster/simcluster ./integration/cmd/simcluster
	@$(SIMCLUSTER) up -nodes $(NODES) -instances $(INSTANCES) -file '$(DESCRIPTION)'
	@echo "make cluster-shell enters it, make cluster-down ends it; power off a node with"
	@echo "$(SIMCLUSTER) power-off n1; the program is $(CURDIR)/build/ganeti-autorepair"

.PHONY: cluster-shell
cluster-shell: program ## a shell on the master of cluster-up, or else of a fresh virtual cluster (root)
	@echo "Inside, the program is $(CURDIR)/build/ganeti-autorepair"
	@if [[ -e build/simcluster/pid ]]; then \
		$(SIMCLUSTER) shell; \
	else \
		go build $(BUILDFLAGS) -o build/vcluster ./integration/cmd/vcluster && build/vcluster; \
	fi

.PHONY: cluster-down
cluster-down: ## end the cluster of cluster-up (root)
	@$(SIMCLUSTER) down

# The package is built from the files that git knows, in a folder of its own,
# with Debian's Go and libraries whatever else is in PATH, and without network.
DEB := build/deb

.PHONY: deb
deb: ## build/deb/*.deb, the package for this Debian release
	@rm -rf $(DEB)
	@mkdir -p $(DEB)/source
	git ls-files -z | tar --create --null --files-from=- --mode=u+rw,go=rX,a-s | tar --extract --directory $(DEB)/source --same-permissions
	cp -a $(DEB)/source/packaging/debian $(DEB)/source/debian
	cd $(DEB)/source && env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$$HOME" LC_ALL=C.UTF-8 \
		DEB_BUILD_OPTIONS='$(DEB_BUILD_OPTIONS)' dpkg-buildpackage --no-sign --build=binary
	rm -rf $(DEB)/source
	@ls $(DEB)/*.deb

# Debian systems to try things in, with their Ganeti: 3.0 in bookworm, 3.1 in
# trixie. Each is made once and kept until "make clean", in a folder that go does
# not look into. What runs inside gets a throwaway copy: a suite of tests runs
# there with go test -exec '$(INSIDE)/trixie'.

SYSTEMS := build/_system/bookworm build/_system/trixie
SYSTEM_PACKAGES := ganeti openssh-server iproute2 util-linux mount procps \
	build-essential git debhelper dh-golang golang-any golang-github-alecthomas-kong-dev \
	golang-github-burntsushi-toml-dev golang-golang-x-exp-dev bash-completion logrotate \
	man-db mandoc
build/_system/bookworm: SYSTEM_PACKAGES += lintian
INSIDE := $(CURDIR)/integration/system/run $(CURDIR)/build/_system

.PHONY: $(SYSTEMS)
$(SYSTEMS): ## a Debian system with Ganeti (root)
	@integration/system/make $@ $(@F) $(SYSTEM_PACKAGES)

.PHONY: cluster-trixie
cluster-trixie: build/_system/trixie ## the tests on real clusters, every row and the whole storm, on Ganeti 3.1 (root)
	go test -tags cluster -count=1 -timeout 40m -parallel 4 -exec '$(INSIDE)/trixie' ./integration/...
	go test -tags cluster -count=1 -timeout 40m -exec '$(INSIDE)/trixie' -run '^Test(EveryRow|Storm)$$' ./integration -args -rows -storm

ROUNDS ?= 200

.PHONY: chaos
chaos: ## ROUNDS=200 SEED=1: kills and bad luck on a real master over simulated nodes (root)
	go test -tags cluster -count=1 -timeout 0 -v -run '^TestChaos$$' ./integration -args -chaos.rounds=$(ROUNDS) -chaos.seed=$(SEED)

.PHONY: storm
storm: ## a node with 40 primaries dies in a cluster of 200 instances (root)
	go test -tags cluster -count=1 -timeout 0 -v -run '^TestStorm$$' ./integration -args -storm

.PHONY: rows
rows: ## every row of the table of repairs, on both hypervisors each (root)
	go test -tags cluster -count=1 -timeout 0 -v -run '^TestEveryRow$$' ./integration -args -rows

.PHONY: bench
bench: program ## this program beside harep and the bare calls, on a real master over simulated nodes (root)
	@go build $(BUILDFLAGS) -o build/bench ./integration/cmd/bench
	@build/bench -program build/ganeti-autorepair -json build/bench.json

.PHONY: clean
clean: ## remove what was built
	rm -rf --one-file-system build

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

# The check is all that continuous integration does. Its steps can be made one
# by one, too. Each uses what "tools" installs.

STEPS := tools format vet staticcheck go1.19 race prometheus coverage matrix simulate guards fuzz demo cluster ganeti-3.1 package

.PHONY: check $(STEPS:%=check-%)
check: ## install what is missing, then try everything (root)
	@for step in $(STEPS); do \
		printf '\n== check: %s (after %d s)\n' "$$step" "$$SECONDS"; \
		$(MAKE) --no-print-directory "check-$$step" || { printf '\ncheck: failed: %s\n' "$$step" >&2; exit 1; }; \
	done

PACKAGES := ganeti ganeti-testsuite openssh-server iproute2 util-linux mount procps \
	golang-1.19-go go-staticcheck gcc libc6-dev mmdebstrap prometheus

# Services that come with the packages are not to be started on this machine: as
# long as policy-rc.d says 101, none is.
define INSTALL
missing=()
for package in $(PACKAGES); do
	status=$$(dpkg-query -W -f '$${db:Status-Status}' "$$package" 2>/dev/null) || status=none
	[[ $$status == installed ]] || missing+=("$$package")
done
command -v go >/dev/null || missing+=(golang-go)
if (($${#missing[@]} == 0)); then
	echo 'nothing is missing'
	exit
fi
if ((EUID != 0)); then
	echo "missing; as root: apt-get install --no-install-recommends $${missing[*]}" >&2
	exit 1
fi
echo "installing $${missing[*]}"
policy=/usr/sbin/policy-rc.d
if [[ ! -e $$policy ]]; then
	trap 'rm -f "$$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >"$$policy"
	chmod 755 "$$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update </dev/null
apt-get -qq -o Dpkg::Use-Pty=0 -y --no-install-recommends install "$${missing[@]}" </dev/null
endef

check-tools: export SCRIPT = $(INSTALL)
check-tools:
	@eval "$$SCRIPT"

check-format:
	@unformatted=$$(git ls-files -z '*.go' | xargs -0 "$$(go env GOROOT)/bin/gofmt" -l); \
	if [[ -n $$unformatted ]]; then printf 'not as gofmt has it:\n%s\n' "$$unformatted" >&2; exit 1; fi

check-vet:
	go vet ./...
	go vet -tags cluster,installed,lifecycle ./...

# The Go that Debian 12 builds with; its staticcheck knows no newer one.
check-staticcheck check-go1.19: export PATH := /usr/lib/go-1.19/bin:$(PATH)
check-staticcheck check-go1.19: export GOTOOLCHAIN := local

check-staticcheck:
	go-staticcheck ./...
	go-staticcheck -tags cluster,installed,lifecycle ./...

# The package runs the tests with that Go.
check-go1.19:
	go version
	go vet ./...

check-race:
	CGO_ENABLED=1 go test -race $$(go list ./... | grep -vE '/integration(/scenario)?$$')

check-prometheus:
	promtool check metrics <hooks/ganeti-autorepair/testdata/metrics.prom
	promtool check rules examples/autorepair.rules.yml
	promtool test rules examples/autorepair.rules.test.yml

check-coverage:
	@go test ./integration -count=1 -run '^TestDemandsAreCited$$'

# Every call of every scenario with a third of the disturbances that can make a
# difference; "make matrix" tries all of these.
check-matrix:
	GOGC=400 go test ./integration/scenario -count=1 -timeout 30m -run '^TestCrashMatrix$$' -matrix third

check-simulate:
	@mkdir -p build
	GOGC=400 go test ./integration/scenario -count=1 -timeout 30m -run '^TestSimulation$$' -v -runs $(RUNS) -seed $(SEED) >build/simulate.out 2>&1 || \
		{ tail -n 200 build/simulate.out; echo 'all of it is in build/simulate.out' >&2; exit 1; }
	@tail -n 1 build/simulate.out

# All guards, and of the tests those that the table names; "make guards" tries all.
check-guards:
	go run ./integration/cmd/guards -quick

FUZZTIME := 3s
check-fuzz:
	@mkdir -p build
	@git grep -lE '^func Fuzz' -- '*_test.go' | while read -r file; do \
		grep -oP '^func \KFuzz\w+' "$$file" | while read -r target; do \
			echo "$$target ($$(dirname "$$file"))"; \
			go test "./$$(dirname "$$file")" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) >build/fuzz.out 2>&1 </dev/null || { cat build/fuzz.out; exit 1; }; \
		done; \
	done

check-demo: program build/demo
	@build/demo >build/demo.out || { cat build/demo.out; exit 1; }
	@tail -n 3 build/demo.out

# The systems of the next steps are made while the clusters run, as that mostly
# waits, too; what goes wrong with them is told there.
check-cluster:
	@if ((EUID != 0)); then echo 'only root can start clusters' >&2; exit 1; fi
	@mkdir -p build; set -m; $(MAKE) --no-print-directory $(SYSTEMS) >build/systems.log 2>&1 & systems=$$!; \
	go test -tags cluster -count=1 -timeout 60m -parallel 4 ./integration/... & tests=$$!; \
	trap 'kill -- "-$$systems" "-$$tests" 2>/dev/null || true' EXIT; \
	wait "$$tests"; \
	wait "$$systems" || true

# Builds the package as the README says, takes it through its life and tries it on
# a virtual cluster, in a Debian 12 with Ganeti 3.0 and a Debian 13 with Ganeti 3.1
# side by side.
define TRY_PACKAGE
set -euo pipefail
"$$1/build/lifecycle.test" -test.v
cd /root/clone
export AUTOPKGTEST_TMP=/root/autopkgtest
exec packaging/debian/tests/repair
endef

check-package: export SCRIPT = $(TRY_PACKAGE)
check-package: $(SYSTEMS)
	@git ls-files -z | tar --create --null --files-from=- --mode=u+rw,go=rX,a-s --file build/source.tar
	@go test -tags lifecycle -c -o build/lifecycle.test ./integration/lifecycle
	@set -m; declare -A pids; failed=; \
	trap 'for pid in "$${pids[@]}"; do kill -- "-$$pid" 2>/dev/null || true; done' EXIT; \
	for system in $(^F); do \
		AUTOREPAIR_SOURCE=$(CURDIR)/build/source.tar $(INSIDE)/$$system bash -c "$$SCRIPT" bash '$(CURDIR)' \
			>build/package-$$system.log 2>&1 & \
		pids[$$system]=$$!; \
	done; \
	for system in $(^F); do \
		if wait "$${pids[$$system]}"; then \
			printf '%s: ' $$system; tail -n 1 build/package-$$system.log; \
		else \
			grep -E -A 20 '^ *(--- FAIL|[a-z_]+_test\.go:)|rror:' build/package-$$system.log | tail -n 60 || true; \
			failed+=" $$system (build/package-$$system.log)"; \
		fi; \
	done; \
	pids=(); \
	if [[ -n $$failed ]]; then echo "failed on$$failed" >&2; exit 1; fi

# The suite over simulated nodes once more, on Ganeti 3.1, save for what takes
# long: "make cluster-trixie" runs everything.
check-ganeti-3.1: build/_system/trixie
	go test -tags cluster -count=1 -timeout 40m -parallel 4 -exec '$(INSIDE)/trixie' \
		-run '^Test(MixedDisks|BetweenSteps|TargetDrainedMeanwhile|DeadButNotOffline|StorageKinds|Room|FiltersMeanTheSame)$$' ./integration
