#!/usr/bin/env bash
# Runs every test and writes one stream of `go test -json` on stdout, for test/run.sh to read. Four runs:
# the packages where a race could cost a message or a fen, under -race; all the others; the browser's, alone, since
# Chromium takes all that the machine has; each fuzz target for a few seconds. A failure does not stop the later
# runs; the exit code is 1 if any failed.
#
# usage: test/stream.sh [-race]
set -uo pipefail
cd "$(dirname "$0")/.."

fuzz_seconds=5      # for one target
fuzz_seconds_max=80 # for all of them; many targets share it

race=${1-}
failed=0

# -e: a package that cannot be loaded fails below, and the others are tested all the same.
all=$(go list -e ./...) || exit 1
raced='^taocan/internal/(taocan|segment|clock|store|debit|catalog|order|access|packages|edge|alert|live|export)(/|$)'
under_race=$(grep -E "$raced" <<<"$all")
browser=$(grep -E '^taocan/test/browser$' <<<"$all")
rest=$(grep -vE "$raced|^taocan/test/browser\$" <<<"$all")

# shellcheck disable=SC2086 # a flag or nothing, and a list of import paths
[ -z "$under_race" ] || go test -json $race -shuffle=on -timeout=10m $under_race || failed=1
# shellcheck disable=SC2086
[ -z "$rest" ] || go test -json -shuffle=on -timeout=15m $rest || failed=1
[ -z "$browser" ] || go test -json -shuffle=on -timeout=15m "$browser" || failed=1

# --- Fuzz targets. grep finds the few packages worth building; `go test -list` says what they hold.
targets=() # package, name, package, name, ...
while read -r dir; do
	names=$(go test -list '^Fuzz' "./$dir") || failed=1
	while read -r name; do targets+=("./$dir" "$name"); done < <(grep '^Fuzz' <<<"$names")
done < <(grep -rl --include='*_test.go' '^func Fuzz' cmd internal test 2>/dev/null | xargs -r -n1 dirname | sort -u)

n=$((${#targets[@]} / 2))
[ "$n" -eq 0 ] || [ $((n * fuzz_seconds)) -le "$fuzz_seconds_max" ] || fuzz_seconds=$((fuzz_seconds_max / n > 1 ? fuzz_seconds_max / n : 1))

out=$(mktemp)
trap 'rm -f "$out"' EXIT

# fuzz PACKAGE NAME: runs one target into $out. Shrinking is cut short: it would eat the few seconds there are.
fuzz() {
	go test -json -run='^$' -fuzz="^$2\$" -fuzztime="${fuzz_seconds}s" -fuzzminimizetime=10x "$1" >"$out"
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
