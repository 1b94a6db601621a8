# taocan. `make` builds, `make test` tests everything; .ci/run is what must pass before a change lands.

GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# What bench and soak look at; for one package: make bench PKG=./internal/debit
PKG   ?= ./...
COUNT ?= 1

.PHONY: build test lint fmt bench soak fault fuzz pictures

build:
	go build -o bin/taocan ./cmd/taocan

# Every test once, what stands on a store on both kinds, -race where the engine, the store and the rules are, a few seconds of
# fuzzing.
test:
	bash test/run.sh

lint: # vet is one of its linters
	$(GOLANGCI) run

fmt:
	$(GOLANGCI) fmt

# Numbers for benchstat: make bench COUNT=10 >new.txt. For a whole server see `taocan bench`.
bench:
	go test -run='^$$' -bench=. -benchmem -count=$(COUNT) $(PKG)

# The long forms of the property and crash tests; hours, so not in CI.
soak:
	TAOCAN_SOAK=1 go test -count=1 -shuffle=on -timeout=6h $(PKG)

# Every fuzz target for a minute. What is found is kept in testdata/fuzz, and tried by every test run from then on.
fuzz:
	grep -rn --include='*_test.go' '^func Fuzz' cmd internal test | sed 's/\(.*\)\/[^/]*:[0-9]*:func \(Fuzz[A-Za-z0-9_]*\).*/\1 \2/' | \
		while read -r dir name; do go test -run='^$$' -fuzz="^$$name\$$" -fuzztime=60s "./$$dir" || exit 1; done

# The long form of the suite that breaks things under load: processes, databases, connections, disks, clocks. 10 to 20 minutes.
fault:
	TAOCAN_SOAK=1 go test -count=1 -v -timeout=30m ./test/fault

# Every page of the console, both languages, light and dark, wide and narrow, as pictures in test/artefacts.
pictures:
	bash test/install.sh
	CI=1 TAOCAN_PICTURES=1 go test -count=1 -timeout=30m ./test/browser
