# What people and CI run. `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PUNCHLIST := bin/punchlist
OUT       := out
SEEDS     := 20
FLOOD     := 60s
BIRTHDAYS := 500
SYNCS     := 4
SYNCED    := 6000
HOURS     := 2
FIRST     := 1
WORLDS    := 40
DIALECTS  := 100
DRAW      := 20261130
N         := 100
FILES     :=
SAMPLE    := 150
# Runs, not seconds: go test fails a target at times when its time is up
# ("context deadline exceeded") though it found nothing.
FUZZTIME  := 100000x
FUZZ      := Fuzz

# The JavaScript peers meet the four classical NAT profiles. What needs no
# companion (@alone) is judged once for each subject. The gate leaves out what
# is tagged @extended, and plays the vectors (@codec) by themselves, so that it
# takes under three minutes; conformance-all leaves out nothing.
CORE      = not @extended
REFERENCE = $(CORE) and not @codec
CELLS = \
	--cell 'reference@sim:$(CORE)' \
	--cell 'reference@netns:$(REFERENCE)' \
	--cell 'socket-0.6+reference@netns:$(CORE) and not @codec and not @all-profiles' \
	--cell 'reference+socket-0.6@netns:$(CORE) and not @all-profiles and not @alone' \
	--cell 'socket-0.6+socket-0.6@netns:$(CORE) and not @all-profiles and not @alone'
ALL_CELLS = \
	--cell 'reference@sim' \
	--cell 'reference@netns' \
	--cell 'socket-0.6+reference@netns:not @all-profiles' \
	--cell 'reference+socket-0.6@netns:not @all-profiles and not @alone' \
	--cell 'socket-0.6+socket-0.6@netns:not @all-profiles and not @alone' \
	--cell 'socket-0.5+reference@netns:not @all-profiles' \
	--cell 'reference+socket-0.5@netns:not @all-profiles and not @alone'

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-23s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the programs into bin/
	@mkdir -p bin
	go build -o bin/ ./harness/cmd/... ./reference/cmd/...

.PHONY: setup
setup: build ## install what the JavaScript peers need
	$(PUNCHLIST) setup

.PHONY: conformance
conformance: setup ## judge the reference and the JavaScript peers, alone and mixed; print the matrix
	$(PUNCHLIST) spec check --dir .
	$(PUNCHLIST) vectors check --impl reference --impl socket-0.6 --impl socket-0.5
	$(PUNCHLIST) run --require --out $(OUT) $(CELLS)

.PHONY: images
images: ## build the images of the docker lab and of the bundled peers (NODE_BASE=image; see nat-images/README.md)
	@NODE_BASE='$(NODE_BASE)' nat-images/build.sh $(OUT)/images

.PHONY: vectors
vectors: setup ## play the vectors against every codec: the reference, both JavaScript peers, the one in Python
	$(PUNCHLIST) vectors check --impl reference --impl socket-0.6 --impl socket-0.5 --impl python-codec

.PHONY: conformance-all
conformance-all: setup ## the same with every scenario, and socket-js 0.5.4 too: a quarter of an hour
	$(PUNCHLIST) spec check --dir .
	$(PUNCHLIST) run --require --out $(OUT)/all $(ALL_CELLS)

# The same scenarios in both labs with real sockets. The whole takes three
# quarters of an hour; CI plays DOCKER='$(DOCKER_CORE)'.
DOCKER      = not @virtual
DOCKER_CORE = $(CORE) and not @codec and not @all-profiles
both_cells  = --cell 'reference@$(1):$(DOCKER)' --cell 'socket-0.6+reference@$(1):$(DOCKER) and not @all-profiles'

# NETNS is the folder of a run that has judged the same in netns; without one it
# is judged here. Where a run has judged a scenario in several labs, the last of
# its cells is compared: those of netns stand behind that of sim.
.PHONY: conformance-docker
conformance-docker: setup images ## judge the reference and socket-js in containers, and compare with netns (DOCKER=tags, NETNS=folder)
	$(if $(NETNS),,$(PUNCHLIST) run --require --out $(OUT)/docker/netns $(call both_cells,netns))
	$(PUNCHLIST) run --require --out $(OUT)/docker $(call both_cells,docker)
	$(PUNCHLIST) report diff $(OUT)/docker $(or $(NETNS),$(OUT)/docker/netns)

.PHONY: conformance-docker-core
conformance-docker-core: ## the part of it that CI plays
	$(MAKE) conformance-docker DOCKER='$(DOCKER_CORE)'

.PHONY: conformance-ci
conformance-ci: ## conformance and conformance-reference in one run, where the one works while the other waits
	$(MAKE) conformance REFERENCE='not @codec or @extended'

.PHONY: conformance-reference
conformance-reference: build ## every scenario for the reference, on real sockets
	$(PUNCHLIST) run --require --out $(OUT)/reference --cell 'reference@netns:@extended'

# tests runs go test with $(1), prints each package as it is done and, at the
# end, which tests were skipped and how to enable them. $(2) is for that list.
# The exit code is that of the tests.
define tests
	@mkdir -p $(OUT); status=0; \
	go tool gotestsum --hide-summary skipped --jsonfile $(OUT)/test.json -- $(1) || status=$$?; \
	go run ./harness/cmd/skipped $(2) $(OUT)/test.json || [ $$status -ne 0 ] || status=1; \
	exit $$status
endef

.PHONY: test
test: ## formatting, go vet, staticcheck, deadcode, all Go tests; which were skipped, and how to enable them
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard -- '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	@echo "go tool deadcode -test ./..."; found=$$(go tool deadcode -test ./...); \
	if [ -n "$$found" ]; then echo "nothing reaches these, so remove them (make deadcode looks at other systems too):"; echo "$$found"; exit 1; fi
	$(call tests,./...)

.PHONY: short
short: ## the tests that need no real clock, no lab and no tool: less than a minute
	$(call tests,-short -count=1 ./...,--per-package)

.PHONY: test-deps
test-deps: ## install what tests need beside Go and Node.js, by apt and npm
	.ci/deps
	$(MAKE) setup

# The packages whose tests have real clocks, other processes of ours, or sockets:
# they run one at a time. The others run in short mode, which leaves out here
# only what the race detector sees nothing of (other people's programs), or
# nothing new of (a second run of the golden captures).
REAL := /(reference/(udp|cmd/.*)|harness/(lab/.*|natbox|packetio|hostlink|pod|testees|cmd/.*)|ci|nat-images/.*)$$

.PHONY: deadcode
deadcode: ## functions that nothing reaches, tests included, on Linux, macOS and Windows: a quarter of a minute of CPU time each
	@status=0; for target in linux/amd64 darwin/arm64 windows/amd64; do \
		found=$$(tool=$$(go tool -n deadcode) && CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $$tool -test ./... 2>&1) || status=1; \
		if [ -n "$$found" ]; then echo "nothing reaches these on $$target; remove them:"; echo "$$found"; status=1; fi; \
	done; exit $$status

.PHONY: race
race: ## all Go tests under the race detector, those with real clocks one package at a time
	go test -race -short $$(go list ./... | grep -vE '$(REAL)')
	go test -race -p 1 $$(go list ./... | grep -E '$(REAL)')

.PHONY: seeds
seeds: build ## every feature in sim with 20 seeds (SEEDS=n)
	$(PUNCHLIST) run --cell reference@sim --seeds $(SEEDS) --out $(OUT)/seeds | tail -n 100

# The soak is one thread, beside which the others run; what it says comes last.
.PHONY: simulate
simulate: build ## what one scenario can't show, over many seeds (BIRTHDAYS=n, SYNCS=n, HOURS=n)
	@mkdir -p $(OUT); \
	$(PUNCHLIST) simulate soak --hours $(HOURS) >$(OUT)/soak.txt 2>&1 & soak=$$!; status=0; \
	try() { echo "$(PUNCHLIST) simulate $$*"; $(PUNCHLIST) simulate "$$@" || status=$$?; }; \
	try birthday --seeds $(BIRTHDAYS); \
	try birthday-nat --seeds $(BIRTHDAYS); \
	try sync --seeds $(SYNCS); \
	try epidemic --members 40 --messages 10 --seeds 2; \
	try survive --seeds 2; \
	try load --members 20,40; \
	wait $$soak || status=$$?; \
	echo "$(PUNCHLIST) simulate soak --hours $(HOURS)"; cat $(OUT)/soak.txt; \
	exit $$status

.PHONY: soak
soak: ## every feature in sim with 500 seeds, 10,000 birthdays, and a day of fifty peers in virtual time
	$(MAKE) seeds SEEDS=500
	$(MAKE) simulate BIRTHDAYS=10000 SYNCS=20 HOURS=24

.PHONY: bench
bench: ## benchmarks, the JavaScript implementation beside ours
	go test -run '^$$' -bench . -benchmem ./reference/... ./harness/nat ./harness/natbox ./harness/lab/docker ./harness/bench

.PHONY: flood
flood: ## latica-peer under 50,000 hostile datagrams a second for a minute (FLOOD=5s), on loopback
	PUNCHLIST_FLOOD=$(FLOOD) go test -run '^$$' -bench Flood -benchtime 1x ./harness/bench

.PHONY: sync
sync: setup ## two caches of 6,000 packets become equal at a loss of a fifth, ours and the JavaScript pair's: half an hour (SYNCED=600)
	PUNCHLIST_SYNC=$(SYNCED) go test -v -run '^$$' -bench Sync -benchtime 1x -timeout 2h ./harness/bench

.PHONY: cross
cross: ## vet the reference and build latica-peer for Linux, macOS and Windows
	@for target in linux/arm64 darwin/arm64 windows/amd64; do \
		echo "== $$target"; \
		export CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/}; \
		go vet ./reference/...; \
		go build -o /dev/null ./reference/cmd/latica-peer; \
	done

.PHONY: fuzz
fuzz: ## every fuzz target, 100,000 runs each (FUZZTIME=10m FUZZ='FuzzDecode|FuzzReceive' EXCEPT=FuzzJSON)
	@grep -rl --include='*_test.go' '^func Fuzz' reference harness spec | sort | while read -r file; do \
		{ grep -oE '^func Fuzz[A-Za-z0-9]*' "$$file" | grep -E ' ($(FUZZ))' | grep -vE ' ($(or $(EXCEPT),nothing))' || true; } | \
		while read -r _ target; do \
			echo "== $$(dirname "$$file") $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "./$$(dirname "$$file")"; \
		done; \
	done

.PHONY: tables
tables: build ## make the generated tables of the standard anew, after a change to its lists, chapters or features
	$(PUNCHLIST) spec tables --write

.PHONY: models
models: ## check the formal models by spin, and print how many states they have: two minutes
	PUNCHLIST_MODELS=1 go test -v -run Models ./spec/models | grep -vE '^(=== | *--- PASS: TestModels/)'

.PHONY: explore
explore: build ## explore worlds nobody wrote down, and judge the reference in them (WORLDS=n FIRST=n)
	$(PUNCHLIST) explore --first $(FIRST) --seeds $(WORLDS) --out $(OUT)/explore

.PHONY: dialects
dialects: WORLDS := 2000
dialects: build ## the same for 100 sound peers that are unlike the reference: every finding is a defect (DIALECTS=n)
	$(PUNCHLIST) explore --dialects $(DIALECTS) --first $(FIRST) --seeds $(WORLDS) --out $(OUT)/dialects

.PHONY: probes
probes: build ## every generated probe in sim, for the reference
	$(PUNCHLIST) run --require --cell reference@sim --probes --tags @probe --out $(OUT)/probes | tail -n 30

.PHONY: probes-netns
probes-netns: build ## a fixed sample of them on real sockets (SAMPLE=n)
	$(PUNCHLIST) run --require --cell reference@netns --probes --tags @probe --sample $(SAMPLE) --out $(OUT)/probes-netns | tail -n 30

.PHONY: mutation-random
mutation-random: ## plant random faults in the reference, and count those that the suite notices (DRAW=seed N=n FILES=regexp)
	go run ./harness/cmd/mutation random --draw $(DRAW) --n $(N) --files "$(FILES)" --out $(OUT)/random

.PHONY: mutation-explore
mutation-explore: ## draw 20 saboteurs, and print which of them explored worlds find (DRAW=seed)
	go run ./harness/cmd/mutation explore --draw $(DRAW) --out $(OUT)/explore-mutation

.PHONY: mutation
mutation: ## judge every saboteur by every scenario in sim, and print the kill matrix: an hour (ONLY=regexp)
	go run ./harness/cmd/mutation --whole --only '$(ONLY)' --out $(OUT)/mutation

.PHONY: mutation-core
mutation-core: ## the same by the scenarios of the requirement that each breaks, as CI does
	go run ./harness/cmd/mutation --only '$(ONLY)' --out $(OUT)/mutation --check README.md

# A copy with other words in all comments, titles and steps: what still holds there depends on no
# wording. Saboteurs apply, scenarios have the same keys and packets, manifests name known failures.
.PHONY: reword-check
reword-check: build ## check that no comment, title or step text is load-bearing, in a reworded copy
	@rm -rf $(OUT)/reword
	go run ./harness/cmd/reword --out $(OUT)/reword
	$(PUNCHLIST) spec check --dir $(OUT)/reword
	cd $(OUT)/reword && go test .
	cd $(OUT)/reword && go test -run 'TestLanguage|TestBundledManifests' ./harness/steps
	cd $(OUT)/reword && go test -short -run Golden ./harness/suite

.PHONY: reword-check-mutation
reword-check-mutation: mutation-core reword-check ## the same, and that all saboteurs fail by the same requirements, scenarios and steps there
	cd $(OUT)/reword && go run ./harness/cmd/mutation --only '$(ONLY)' --out ../reworded
	diff $(OUT)/mutation/failures.txt $(OUT)/reworded/failures.txt

.PHONY: mutants
mutants: ## mutate what decodes, classifies and caches by gremlins, and list what no unit test notices (reference/mutants.md): half an hour
	@for package in nattype wire cache; do \
		go run github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0 unleash ./reference/$$package --workers 1 --timeout-coefficient 30 -S ltvs; \
	done

.PHONY: golden
golden: ## renew the golden files after a change that was meant
	go test ./harness/suite -run Golden -update

.PHONY: ci
ci: ## what CI runs
	.ci/run
