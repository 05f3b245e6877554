#!/bin/sh
# Installs what only `make bench-peers` needs: the peers' npm packages, PostgreSQL and Redis.
set -eu
cd "$(dirname "$0")"
# Their install scripts are not needed: the binaries are packages of their own.
npm install --no-audit --no-fund --ignore-scripts --loglevel=error
missing=''
command -v redis-server >/dev/null || missing="$missing redis-server"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	apt-get update -qq
	# shellcheck disable=SC2086 # a list of names
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing
else
	echo "install these first: $missing" >&2
	exit 1
fi
