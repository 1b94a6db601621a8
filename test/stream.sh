#!/usr/bin/env bash
# Runs every test and writes one stream of `go test -json` on stdout, for test/run.sh to read. Five runs:
# the packages where a race could cost a message or a fen, under -race; all the others; those that stand on a store again,
# on PostgreSQL (their names then begin with "postgres/"); the browser's, alone, since Chromium takes all that the machine
# has; fuzz targets for a few seconds. A failure does not stop the later runs; the exit code is 1 if any failed.
#
# Vetting is the linter's (make lint), once.
#
# usage: test/stream.sh [-race]
set -uo pipefail
cd "$(dirname "$0")/.."

fuzz_seconds=5      # for one target
fuzz_seconds_max=24 # for all of them; many targets share it

# SQLite itself, C translated to Go, is left without: it shares nothing between goroutines, and watched it takes ten times as
# long. Its driver and its file layer are watched.
race=${1:+-race -gcflags=github.com/ncruces/go-sqlite3-wasm/...=-race=false}
# Without C, as what is released; only -race needs it. So everything is compiled once for all but that run.
export CGO_ENABLED=0
failed=0
at_once=$(($(nproc) + 1)) # packages: one more than there are processors, since some of them wait
link=-ldflags=-w           # nobody debugs these binaries: a third less work for each

# -e: a package that cannot be loaded fails below, and the others are tested all the same.
all=$(go list -e ./...) || exit 1
raced='^taocan/internal/(clock|store/(idindex|sqlite|postgres)|debit|order|access|packages|edge|alert|live)$'
browser=$(grep -E '^taocan/test/browser$' <<<"$all")
on_stores=$(go list -e -f '{{.ImportPath}} {{join .TestImports " "}} {{join .XTestImports " "}}' ./... | awk '/ taocan\/internal\/teststore( |$)/ {print $1}') || exit 1

# Packages that take longest. They begin first: whatever comes last runs while the other processors have nothing to do.
longest='store/sqlite store/postgres test/fault test cmd/taocan packages debit order sim server access store/idindex rest console topup alert'

# longest_first sorts the import paths on stdin.
longest_first() {
	awk -v longest="$longest" 'BEGIN {n = split(longest, names, " "); for (i = 1; i <= n; i++) rank[names[i]] = i}
		{name = $1; sub(/^taocan\/(internal\/)?/, "", name); print (name in rank ? rank[name] : n + 1), $1}' | sort -s -n | cut -d' ' -f2
}
under_race=$(grep -E "$raced" <<<"$all" | longest_first)
rest=$(grep -vE "$raced|^taocan/test/browser\$" <<<"$all" | longest_first)

# shellcheck disable=SC2086 # flags or nothing, and a list of import paths
[ -z "$under_race" ] || CGO_ENABLED=${1:+1} go test -json -vet=off $link -p $at_once $race -shuffle=on -timeout=10m $under_race || failed=1
# shellcheck disable=SC2086
[ -z "$rest" ] || go test -json -vet=off $link -p $at_once -shuffle=on -timeout=15m $rest || failed=1
if [ -n "$on_stores" ] && [ -n "${TAOCAN_TEST_POSTGRES-}" ]; then
	# shellcheck disable=SC2046
	TAOCAN_TEST_STORE=postgres go test -json -vet=off $link -p $at_once -shuffle=on -timeout=15m $(longest_first <<<"$on_stores") |
		sed -u 's|"Package":"|&postgres/|' || failed=1
fi
[ -z "$browser" ] || go test -json -vet=off $link -shuffle=on -timeout=15m "$browser" || failed=1

# --- Fuzz targets. grep finds the few packages worth building; `go test -list` says what they hold. Fuzzing compiles every dependency
# once more, so packages with large ones are left to `make fuzz`; what it finds stays as seeds, which all runs above try.
large='github.com/(ncruces/go-sqlite3-wasm|jackc/pgx|danielgtaylor/huma|xuri/excelize)'
targets=() # package, name, package, name, ...
while read -r dir; do
	if [[ $(go list -deps -test "./$dir") =~ $large ]]; then continue; fi
	names=$(go test -list '^Fuzz' "./$dir") || failed=1
	while read -r name; do targets+=("./$dir" "$name"); done < <(grep '^Fuzz' <<<"$names")
done < <(grep -rl --include='*_test.go' '^func Fuzz' cmd internal test 2>/dev/null | xargs -r -n1 dirname | sort -u)

n=$((${#targets[@]} / 2))
[ "$n" -eq 0 ] || [ $((n * fuzz_seconds)) -le "$fuzz_seconds_max" ] || fuzz_seconds=$((fuzz_seconds_max / n > 1 ? fuzz_seconds_max / n : 1))

out=$(mktemp)
trap 'rm -f "$out"' EXIT

# fuzz PACKAGE NAME: runs one target into $out. Shrinking is cut short: it would eat the few seconds there are.
fuzz() {
	go test -json -vet=off -run='^$' -fuzz="^$2\$" -fuzztime="${fuzz_seconds}s" -fuzzminimizetime=10x "$1" >"$out"
}
for ((i = 0; i < ${#targets[@]}; i += 2)); do
	if ! fuzz "${targets[i]}" "${targets[i + 1]}"; then
		# The go command sometimes counts the end of the time allowed as a failure. That, and only that, is
		# tried again: a bad input is always written down.
		if grep -q 'context deadline exceeded' "$out" && ! grep -q 'Failing input written' "$out"; then
			fuzz "${targets[i]}" "${targets[i + 1]}" || failed=1
		else
			failed=1
		fi
	fi
	cat "$out"
done

exit "$failed"
