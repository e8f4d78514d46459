"""A hub that models are pulled from: the part of the Hugging Face hub's API that a client needs, over TLS."""
import hashlib
import http.server
import json
import re
import ssl
import threading
import urllib.parse


class Hub:
    """Serves `models`, the folder of each repository's files by the repository's name, at whatever revision is asked
    for."""

    def __init__(self, address, certificate, key, models):
        self.fetched = []  # Each reply that gave a file: (client's address, repository, commit, file).
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                hub.answer(self)

            def log_message(self, *_):
                pass

        self.models = models
        self.server = http.server.ThreadingHTTPServer(address, Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        # A client's handshake is its own thread's, so that one that says nothing keeps no other waiting.
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        path = request.path.partition("?")[0]
        if match := re.fullmatch(r"/api/models/(.+)/revision/([^/]+)", path):
            if folder := self.models.get(match[1]):
                return self.reply(request, json.dumps({"id": match[1], "sha": commit_of(urllib.parse.unquote(match[2])), "siblings": [
                    listed(file) for file in sorted(folder.iterdir())]}).encode())
        # As the real one, it sends those who want a large file elsewhere.
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([0-9a-f]{40})/([^/]+\.safetensors)", path):
            return self.reply(request, b"", 302, Location=f"/content/{match[1]}/{match[2]}/{match[3]}")
        elif match := re.fullmatch(r"/(?:content/)?([^/]+/[^/]+)/(?:resolve/)?([0-9a-f]{40})/([^/]+)", path):
            folder = self.models.get(match[1])
            if folder and (folder / match[3]).is_file():
                self.fetched.append((request.client_address[0], *match.groups()))
                return self.reply(request, (folder / match[3]).read_bytes())
        return self.reply(request, b"Entry not found", 404)

    @staticmethod
    def reply(request, body, status=200, **headers):
        request.send_response(status)
        for name, value in {**headers, "Content-Length": len(body)}.items():
            request.send_header(name, str(value))
        request.end_headers()
        request.wfile.write(body)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def commit_of(revision):
    """A commit is its own; any other revision has one, too."""
    return revision if re.fullmatch("[0-9a-f]{40}", revision) else hashlib.sha1(revision.encode()).hexdigest()


def listed(file):
    """As the hub lists a file: weights with their SHA-256, others with the SHA-1 of Git's blob."""
    data = file.read_bytes()
    entry = {"rfilename": file.name, "size": len(data), "blobId": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}
    if file.suffix == ".safetensors":
        entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    return entry
