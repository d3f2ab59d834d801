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

.PHONY: cluster-shell
cluster-shell: program ## a shell in a fresh virtual cluster of the real Ganeti (root)
	@go build $(BUILDFLAGS) -o build/vcluster ./integration/cmd/vcluster
	@echo "Inside, the program is $(CURDIR)/build/ganeti-autorepair"
	@build/vcluster

.PHONY: clean
clean: ## remove what was built
	rm -rf build

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

# The check is all that continuous integration does. Its steps can be made one
# by one, too. Each uses what "tools" installs.

STEPS := tools format vet staticcheck go1.19 race coverage matrix simulate guards fuzz demo cluster

.PHONY: check $(STEPS:%=check-%)
check: ## install what is missing, then try everything (root)
	@for step in $(STEPS); do \
		printf '\n== check: %s (after %d s)\n' "$$step" "$$SECONDS"; \
		$(MAKE) --no-print-directory "check-$$step" || { printf '\ncheck: failed: %s\n' "$$step" >&2; exit 1; }; \
	done

PACKAGES := ganeti ganeti-testsuite openssh-server iproute2 util-linux procps \
	golang-1.19-go go-staticcheck gcc libc6-dev

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
	@unformatted=$$("$$(go env GOROOT)/bin/gofmt" -l .); \
	if [[ -n $$unformatted ]]; then printf 'not as gofmt has it:\n%s\n' "$$unformatted" >&2; exit 1; fi

check-vet:
	go vet ./...
	go vet -tags cluster ./...

# The Go that Debian 12 builds with; its staticcheck knows no newer one.
check-staticcheck check-go1.19: export PATH := /usr/lib/go-1.19/bin:$(PATH)
check-staticcheck check-go1.19: export GOTOOLCHAIN := local

check-staticcheck:
	go-staticcheck ./...
	go-staticcheck -tags cluster ./...

check-go1.19:
	go version
	go build ./...
	go test ./...

check-race:
	CGO_ENABLED=1 go test -race ./...

check-coverage:
	@go test ./integration -count=1 -run '^TestDemandsAreCited$$'

# Every call of every scenario with every disturbance that can make a difference.
check-matrix:
	GOGC=400 go test ./integration/scenario -count=1 -timeout 30m -run '^TestCrashMatrix$$' -matrix distinct

check-simulate:
	GOGC=400 go test ./integration/scenario -count=1 -timeout 30m -run '^TestSimulation$$' -runs $(RUNS) -seed $(SEED)

# A part of them; "make guards" tries all.
check-guards:
	go run ./integration/cmd/guards -quick -every 3

FUZZTIME := 5s
check-fuzz:
	@mkdir -p build
	@grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r file; do \
		grep -oP '^func \KFuzz\w+' "$$file" | while read -r target; do \
			echo "$$target ($$(dirname "$$file"))"; \
			go test "$$(dirname "$$file")" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) >build/fuzz.out 2>&1 </dev/null || { cat build/fuzz.out; exit 1; }; \
		done; \
	done

check-demo: program build/demo
	@build/demo >build/demo.out || { cat build/demo.out; exit 1; }
	@tail -n 3 build/demo.out

check-cluster:
	@if ((EUID != 0)); then echo 'only root can start clusters' >&2; exit 1; fi
	# More at a time than there are processors: these tests mostly wait.
	go test -tags cluster -count=1 -timeout 20m -parallel 4 ./integration/...
