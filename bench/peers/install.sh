#!/bin/sh
# Installs what only `make bench-peers` needs: the peers' npm packages, PostgreSQL and Redis.
set -eu
cd "$(dirname "$0")"
# Their install scripts are not needed: the binaries are packages of their own.
npm install --no-audit --no-fund --ignore-scripts --loglevel=error
# Temporal's server comes as a Go module; building it takes some minutes, once. Without Go it is left out.
temporal=go.temporal.io/server/cmd/server@v1.32.0
if command -v go >/dev/null; then
	echo "building $temporal"
	GOBIN="$PWD/bin" CGO_ENABLED=0 go install "$temporal" || echo "Temporal is left out: it could not be built" >&2
else
	echo "Temporal is left out: there is no Go to build its server with" >&2
fi
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
