#!/usr/bin/env bash
# Lints the OpenAPI document with Redocly's recommended rules. $1: print_openapi; $2: the folder that setup.sh filled.
# Fails on any error or warning.
set -euo pipefail
cd "$2"
"$1" > openapi.json
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true NO_COLOR=1
output=$(node_modules/.bin/redocly lint --extends=recommended openapi.json 2>&1) || { echo "$output"; exit 1; }
echo "$output"
! grep -qi 'warning' <<<"$output"
