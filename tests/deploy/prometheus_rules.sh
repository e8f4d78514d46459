#!/usr/bin/env bash
# Prometheus' configuration and rules under promtool, and the rules' own tests.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../../deploy/prometheus"
command -v promtool >/dev/null || { echo "promtool is missing: ./dev test installs it (Debian package prometheus)" >&2; exit 1; }
promtool check config prometheus.yml
promtool check rules --lint=all --lint-fatal rules/*.yml
promtool test rules tests/*.yml
