#!/usr/bin/env bash
# Leaves a stream after its first token: closing the connection is all it takes, the runners stop within a step.
# usage: cancel.sh [URL] [PROMPT]
url=${1:-http://localhost:3000}
while read -r line; do
  case $line in
    data:*) echo "$line"; break ;;
  esac
done < <(exec curl --silent --no-buffer -X POST "$url/classify_generated_texts:stream?max_length=200&ignore_eos=true" \
  -H 'Content-Type: text/plain' --data-raw "${2:-I have an idea!}")
kill $! 2>/dev/null
