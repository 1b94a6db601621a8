#!/usr/bin/env bash
# `make test`: everything, once, on one PostgreSQL for all packages. The last line is the summary of the whole run; the exit
# code is its verdict.
set -euo pipefail
cd "$(dirname "$0")/.."

bash test/install.sh
go mod download # now, and apart: its progress is no failure of a test

race=-race
if [ "$(env -u CGO_ENABLED go env CGO_ENABLED)" != 1 ]; then
	echo "no C compiler, so nothing runs under -race" >&2
	[ -z "${CI:-}" ] || exit 1
	race=
fi

ends=() # what is done at the end, the last first
end() {
	for ((i = ${#ends[@]} - 1; i >= 0; i--)); do "${ends[i]}"; done
}
trap end EXIT
trap 'exit 1' INT TERM

# --- What tests wait for is mostly the disk, which none of them takes the power from: where memory has room, their files are
# there. The path is short because sockets' paths are.
memory=$(awk '/^MemAvailable/ {print $2}' /proc/meminfo 2>/dev/null || echo 0)
room=$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1 || echo 0)
if [ "${memory:-0}" -gt $((12 << 20)) ] && [ "${room:-0}" -gt $((8 << 20)) ]; then
	files=$(mktemp -d /dev/shm/t.XXXX 2>/dev/null || mktemp -d)
	chmod 755 "$files" # PostgreSQL's user looks into it
	remove_files() { rm -rf "$files"; }
	ends+=(remove_files)
	cp "$(type -P true)" "$files/true"
	if "$files/true"; then # it may be mounted so that nothing there can be run
		export TMPDIR=$files GOTMPDIR=$files # testing's folders are in the second
	fi
fi

# --- PostgreSQL, without fsync: its tests are about what taocan does; those about crashes start servers of their own.
initdb=$(command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1 || true)
if [ -n "${TAOCAN_TEST_POSTGRES:-}" ]; then
	export TAOCAN_REQUIRE_POSTGRES=1
elif [ -z "$initdb" ]; then
	echo "no PostgreSQL here, so nothing runs on it" >&2
	[ "${CI:-}${TAOCAN_REQUIRE_POSTGRES:-}" = "" ] || exit 1
else
	bin=$(dirname "$(realpath "$initdb")")
	dir=$(mktemp -d "${TMPDIR:-/tmp}/pg-XXXX")
	as=() # it refuses to run as root
	if [ "$(id -u)" = 0 ]; then
		user=postgres
		id postgres >/dev/null 2>&1 || user=nobody
		chown "$user" "$dir"
		as=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups)
	fi
	stop() {
		(cd "$dir" && "${as[@]}" "$bin/pg_ctl" -D data -m immediate -s stop) || true
		rm -rf "$dir"
	}
	ends+=(stop)
	(
		cd "$dir"
		"${as[@]}" "$bin/initdb" -D data -U taocan -A trust -E UTF8 --no-locale --no-sync --no-instructions >/dev/null
		for port in 54329 54330 54331 54332 54333; do # one of them is free
			options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= -c max_connections=300 -c shared_buffers=64MB"
			options+=" -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off -c log_min_messages=warning"
			if "${as[@]}" "$bin/pg_ctl" -D data -l log -s -w -o "$options" start; then
				echo "$port" >port
				exit
			fi
		done
		cat log >&2
		exit 1
	)
	TAOCAN_TEST_POSTGRES="postgres://taocan@127.0.0.1:$(cat "$dir/port")/postgres?sslmode=disable"
	export TAOCAN_TEST_POSTGRES TAOCAN_REQUIRE_POSTGRES=1
fi

go tool gotestsum --format=pkgname --format-icons=text --raw-command -- bash test/stream.sh $race
