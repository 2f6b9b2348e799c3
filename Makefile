# What people and CI run. Everything needs Go and make; image and image-test say
# what else they need.

VERSION ?= 0.0.0-dev
LDFLAGS := -s -w -X github.com/perpetual-ci/perpetual/pkg/command.Version=$(VERSION)
# The scenario of the demo: success, fail or install.
DEMO ?= success
# The scenario of the end-to-end run: a number, several with commas, or all.
SCENARIO ?= all
# How many schedules of faults to play, and the seed of the first.
SCHEDULES ?= 20000
ifeq ($(origin SEED), undefined)
SEED := $(shell date +%s)
endif
# How long each decoder is fuzzed.
FUZZTIME ?= 30s
# The order of tests. go test keeps no result of a shuffled run: SHUFFLE=off runs only what changed.
SHUFFLE ?= on
# How many packages are compiled and tested at a time. Many tests wait most of their time,
# and each race-detecting program sleeps a second at its end: two for each processor keep it busy.
PACKAGES ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN || echo 1))))
# The packages whose tests take longest are begun first: a run that begins them last waits
# for one of them alone.
LONGEST := $(addprefix ./pkg/,command/installer command bootstrap createenv sandbox/demo)
# How many percent the heap of a test grows before garbage is collected, which with Go's 100
# is an eighth of what the tests compute.
TEST_GOGC ?= 800
# What the race detector does not watch: code that computes on its own memory, ten times
# slower when watched. What YAML reads and writes of ours goes through reflect, which is
# watched. No package that uses sync.Map may be here: the linker keeps one copy of generic
# code, and one that is not watched hides how all of the program synchronises.
# UNWATCHED= watches all.
UNWATCHED ?= crypto/internal/fips140/... github.com/aws/smithy-go/io gopkg.in/yaml.v2 gopkg.in/yaml.v3 regexp/... \
	sigs.k8s.io/yaml/goyaml.v2 unicode
export CGO_ENABLED ?= 0

.PHONY: help demo test quick faults fuzz bench lint image image-test e2e build clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s%s\n", $$1, $$2}' Makefile

build: ## build the binaries into bin/
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/resource ./cmd/perpetual ./cmd/sandbox

demo: ## play a whole self-upgrade against simulators; DEMO=fail a failing one, DEMO=install from nothing to nothing
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/resource ./cmd/sandbox $(if $(filter install,$(DEMO)),./cmd/perpetual)
	@bin/sandbox demo --scenario $(DEMO) --resource bin/resource --perpetual bin/perpetual $(foreach p,policy director-policy identity-policy,--installer-policy pkg/aws/policy/installer-$(p).json) --boundary pkg/aws/policy/boundary-policy.json

lint: ## gofmt, go vet with errorlint, errcheck, bodyclose and gosec, staticcheck; modules tidy and as they were published
	@unformatted=$$(gofmt -l cmd pkg pipelines .ci); if [ -n "$$unformatted" ]; then echo "gofmt these: $$unformatted"; exit 1; fi
	go mod tidy -diff
	cd pkg/e2e && go mod tidy -diff
	cd .ci/lint && go mod tidy -diff && go test ./... && go build -o ../../bin/lint .
	go mod verify
	go vet -vettool=$(CURDIR)/bin/lint ./...
	go tool staticcheck ./...

test: lint ## lint, then all tests with the race detector
	CGO_ENABLED=1 go test -exec 'env GOGC=$(TEST_GOGC)' -p $(PACKAGES) -race $(UNWATCHED:%=-gcflags=%=-race=false) -vet=off -shuffle=$(SHUFFLE) -timeout 80m $(LONGEST) ./...

quick: ## the tests of make test without the race detector and lint, in about two thirds of its time
	go test -exec 'env GOGC=$(TEST_GOGC)' -p $(PACKAGES) -vet=off -shuffle=$(SHUFFLE) -timeout 80m $(LONGEST) ./...

faults: ## play 20,000 random schedules of faults, and all kills of create-env, three quarters of an hour on two cores; SEED=7 plays the same again
	go test -tags crash ./pkg/crash
	@echo "the first seed is $(SEED)"
	go test -count=1 -timeout 0 ./pkg/command -run TestSchedule -args -schedules=$(SCHEDULES) -seed=$(SEED)
	go test -count=1 -timeout 0 ./pkg/createenv -run TestKill -args -kills

fuzz: ## feed every decoder of foreign bytes with inputs for FUZZTIME each
	@set -e; grep -rH --include='*_test.go' '^func Fuzz' pkg | sed 's|^\(.*\)/[^/]*:func \(Fuzz[A-Za-z0-9_]*\).*|\1 \2|' | while read -r dir name; do \
		echo "$$dir $$name"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "./$$dir"; \
	done

bench: build ## measure the binaries, beside curl and sha256sum
	@bin/sandbox bench --resource bin/resource bin/perpetual

image: ## build the images with docker or buildah
	VERSION=$(VERSION) pkg/image/build.sh

image-test: ## build the images from local bases and test them (Debian, root)
	go test -count=1 -timeout 30m -tags image -v ./pkg/image

# Not `go run`, which would keep signals from the program: it has much to clear away.
e2e: ## prove it on a real Concourse (Debian, root, network), 20 minutes; SCENARIO=3 plays one
	cd pkg/e2e && go vet ./... && go test ./... && go build -o ../../bin/e2e . && exec ../../bin/e2e --scenario $(SCENARIO)

clean: ## remove what was built
	rm -rf bin
