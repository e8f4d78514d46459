#!/usr/bin/env bash
# Tokens and scores as they come, as server-sent events. usage: stream.sh [URL] [PROMPT]
# With -H 'Accept: application/x-ndjson' they come as a JSON object a line.
url=${1:-http://localhost:3000}
curl --silent --show-error --fail-with-body --no-buffer -X POST \
  "$url/classify_generated_texts:stream?max_length=40&seed=7" \
  -H 'Content-Type: text/plain' --data-raw "${2:-I have an idea!}"
