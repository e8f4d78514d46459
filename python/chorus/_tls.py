"""The TLS of clients: whose certificates are trusted, and what to do about one that is not."""
from __future__ import annotations

import os
import pathlib
import ssl

# What OpenSSL says in Python and in gRPC, and gRPC of a name.
_NOT_TRUSTED = ("CERTIFICATE_VERIFY_FAILED", "Hostname Verification Check failed")


def read_ca_file(path: str | os.PathLike[str]) -> str:
    """The certificates in a file. OSError if it cannot be read, ValueError if it has none."""
    text = pathlib.Path(path).read_text(encoding="latin-1")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError, TypeError):  # The latter two of what is empty, and not ASCII.
        raise ValueError(f"ca_file has no certificate in PEM: {path}") from None
    return text


def advised(message: str) -> str:
    """The message of a connection that failed, and what to do if the server's certificate is why."""
    if not any(words in message for words in _NOT_TRUSTED):
        return message
    return (f"{message}. The server's certificate is not trusted: give the file of its CA's certificate as ca_file, "
            "and call the server by a name that its certificate is for")
