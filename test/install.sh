#!/usr/bin/env bash
# Installs what the suites need beyond Go: gcc (for -race), PostgreSQL, PgBouncer, Chromium, a Chinese font. Silent when
# all is there. Needs apt-get and root or a sudo that asks nothing; otherwise it says what is missing and
# leaves the tests to skip, or in CI to fail. TAOCAN_SKIP_INSTALL=1: look at nothing, install nothing.
set -euo pipefail

[ "${TAOCAN_SKIP_INSTALL:-}" != 1 ] || exit 0

any() { # any COMMAND...: is one of them there?
	for c in "$@"; do
		if command -v "$c" >/dev/null 2>&1; then return 0; fi
	done
	return 1
}

missing=() # Debian's names
any "$(go env CC)" || missing+=(gcc libc6-dev)
any postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
any pgbouncer /usr/sbin/pgbouncer || missing+=(pgbouncer)
any chromium chromium-browser google-chrome || missing+=(chromium)
[ -n "$(fc-list :lang=zh 2>/dev/null || true)" ] || missing+=(fontconfig fonts-noto-cjk)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
	root=()
elif sudo -n true 2>/dev/null; then
	root=(sudo -n)
else
	root=(false)
fi
if ! any apt-get || [ "${root[*]}" = false ]; then
	echo "tests that need them will not run; missing: ${missing[*]}" >&2
	exit 0
fi

echo "installing for the tests: ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1; }
apt update || true # where it fails, what is known may do
for package in "${missing[@]}"; do # one that cannot be had keeps no other out
	if ! apt install -y --no-install-recommends "$package"; then
		tail -n 20 "$log" >&2
		echo "could not install $package; tests that need it will not run" >&2
	fi
done
