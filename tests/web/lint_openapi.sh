#!/usr/bin/env bash
# Lints the OpenAPI document with Redocly's recommended rules. $1: the document; $2: the folder that setup.sh filled.
# Fails on any error or warning.
set -euo pipefail
cp "$1" "$2/openapi.json"
cd "$2"
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true NO_COLOR=1
output=$(node_modules/.bin/redocly lint --extends=recommended openapi.json 2>&1) || { echo "$output"; exit 1; }
echo "$output"
! grep -qi 'warning' <<<"$output"
