"""Prints what every generator of a graph writes, as it comes, and its score. usage: stream.py [URL] [PROMPT]"""
import contextlib
import sys

import chorus
from chorus.results import ScoreEvent, TokenEvent

url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000"
prompt = sys.argv[2] if len(sys.argv) > 2 else "I have an idea!"

with chorus.Client(url) as client, contextlib.closing(client.stream_graph(prompt, max_length=40)) as events:
    for event in events:
        match event:
            case TokenEvent(branch=branch, text=text):
                print(f"{branch}: {text!r}")
            case ScoreEvent(branch=branch, label=label, score=score):
                print(f"{branch}: {label} {score:.3f}")
