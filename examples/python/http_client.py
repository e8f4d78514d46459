#!/usr/bin/env python3
"""A client of Chorus over HTTP, in Python with nothing but its standard library.

usage: http_client.py unary|stream|cancel [URL] [PROMPT]

URL is that of the HTTP API (http://localhost:3000).
"""
import http.client
import json
import sys
import urllib.parse


def call(url, path, prompt, **parameters):
    """The reply to POST path, a context manager; exits with the server's own words when it refuses."""
    server = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
    kind = http.client.HTTPSConnection if server.scheme == "https" else http.client.HTTPConnection
    connection = kind(server.hostname, server.port, timeout=60)
    headers = {"Content-Type": "text/plain", "Accept": "application/x-ndjson" if path.endswith(":stream") else "application/json"}
    connection.request("POST", f"{server.path.rstrip('/')}{path}?{urllib.parse.urlencode(parameters)}", prompt.encode(), headers)
    reply = connection.getresponse()
    if reply.status != 200:
        sys.exit(f"http_client.py: {reply.status}: {json.load(reply)['error']['message']}")
    return reply


def events(reply):
    """Of a stream: a JSON object a line, and empty lines that say that the connection lives."""
    for line in reply:
        if line.strip():
            yield json.loads(line)


def unary(url, prompt):
    """Every branch's text with its score."""
    with call(url, "/classify_generated_texts", prompt, max_length=40, seed=7, details="true") as reply:
        for result in json.load(reply):
            print(f"{result['model']}: {result['label']} {result['score']:.3f}: {result['generated']!r}")


def stream(url, prompt):
    """Tokens and scores as they come."""
    with call(url, "/classify_generated_texts:stream", prompt, max_length=40, seed=7) as reply:
        for event in events(reply):
            if token := event.get("token"):
                print(f"token {token['branch']}: {token['text']!r}")
            elif score := event.get("score"):
                print(f"score {score['branch']}: {score['label']} {score['score']:.3f}")
            elif done := event.get("done"):
                print(f"done: {done['generated_tokens']} tokens")
            elif error := event.get("error"):
                sys.exit(f"http_client.py: {error['code']}: {error['message']}")


def cancel(url, prompt):
    """Leaves after the first token: closing the connection is all it takes, the runners stop within a step."""
    with call(url, "/classify_generated_texts:stream", prompt, max_length=200, ignore_eos="true") as reply:
        print(f"first token: {next(events(reply))['token']['text']!r}")
    print("ended: closed")


def main():
    actions = {"unary": unary, "stream": stream, "cancel": cancel}
    if len(sys.argv) < 2 or sys.argv[1] not in actions:
        sys.exit(__doc__)
    url = sys.argv[2] if len(sys.argv) > 2 else "http://localhost:3000"
    prompt = sys.argv[3] if len(sys.argv) > 3 else "I have an idea!"
    try:
        actions[sys.argv[1]](url, prompt)
    except OSError as error:
        sys.exit(f"http_client.py: {url} does not answer: {error}")


if __name__ == "__main__":
    main()
