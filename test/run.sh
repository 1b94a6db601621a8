#!/usr/bin/env bash
# `make test`: everything, once. The last line is the summary of the whole run; the exit code is its verdict.
set -euo pipefail
cd "$(dirname "$0")/.."

bash test/install.sh
go mod download # now, and apart: its progress is no failure of a test

race=-race
if [ "$(go env CGO_ENABLED)" != 1 ]; then
	echo "no C compiler, so nothing runs under -race" >&2
	[ -z "${CI:-}" ] || exit 1
	race=
fi

exec go tool gotestsum --format=pkgname --format-icons=text --raw-command -- bash test/stream.sh $race
