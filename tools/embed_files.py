#!/usr/bin/env python3
"""Writes the .cc behind cmake's cc_embed: a function that returns files' names and bytes.

usage: embed_files.py OUT.cc HEADER.h NAMESPACE::FUNCTION FILE...
"""
import pathlib
import sys

LINE = 64  # Bytes a line of the literal.


def escape(byte):
    char = chr(byte)  # "?" is escaped for fear of trigraphs.
    return char if " " <= char <= "~" and char not in '"\\?' else f"\\{byte:03o}"


def literal(content):
    lines = [content[i : i + LINE] for i in range(0, len(content), LINE)] or [b""]
    return "\n".join('     "' + "".join(map(escape, line)) + '"' for line in lines)


def main(out, header, function, *files):
    entries = []
    namespace, function = function.rsplit("::", 1)
    for file in map(pathlib.Path, files):
        content = file.read_bytes()
        entries.append(f'    {{"{file.name}", std::string_view(\n{literal(content)}, {len(content)})}},\n')
    pathlib.Path(out).write_text(
        f'// Made by tools/embed_files.py.\n#include "{header}"\n\nnamespace {namespace} {{\nnamespace {{\n\n'
        "constexpr EmbeddedFile kFiles[] = {\n"
        + "".join(entries)
        + f"}};\n\n}}  // namespace\n\nstd::span<const EmbeddedFile> {function}() {{ return kFiles; }}\n\n"
        f"}}  // namespace {namespace}\n"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
