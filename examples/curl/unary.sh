#!/usr/bin/env bash
# Every branch's text with its score, as one JSON array. usage: unary.sh [URL] [PROMPT]
url=${1:-http://localhost:3000}
curl --silent --show-error --fail-with-body -X POST "$url/classify_generated_texts?max_length=40&seed=7" \
  -H 'Content-Type: text/plain' --data-raw "${2:-I have an idea!}"
