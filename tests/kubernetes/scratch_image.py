"""Writes an image of some files as an archive such as `docker save` makes.

The programs in it may load libraries: those come along, from where this machine has them.
"""
import hashlib
import io
import json
import pathlib
import subprocess
import tarfile


def write(archive, name, program, *, entrypoint):
    """`program`, a path on this machine, goes to /bin of the image `name`; its libraries keep their paths."""
    program = pathlib.Path(program)
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        add(tar, f"bin/{program.name}", program.read_bytes(), 0o755)
        for library in libraries(program):
            add(tar, library.lstrip("/"), pathlib.Path(library).read_bytes(), 0o755)
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(folder)
    layer = layer.getvalue()
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Entrypoint": entrypoint},
                         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    with tarfile.open(archive, "w") as tar:
        add(tar, "layer.tar", layer, 0o644)
        add(tar, config_name, config, 0o644)
        add(tar, "manifest.json",
            json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]).encode(), 0o644)


def add(tar, path, data, mode):
    info = tarfile.TarInfo(path)
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))


def libraries(program):
    """Of lines such as `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)` and `/lib64/ld-linux-x86-64.so.2 (0x…)`."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    words = done.stdout.split() if done.returncode == 0 else []
    return [word for word in words if word.startswith("/")]
