#!/usr/bin/env python3
"""Packs what ./dev install made as a tarball, a .deb and a Python wheel, each with every library that it needs besides
glibc.

The three hold the same tree: bin/, lib/ with the libraries, which programs look for beside bin/ wherever it lies, and
share/ with the demo models, the graphs and the libraries' licences. What of glibc they need is read from their symbols
and asked for in the .deb's Depends and in the wheel's tag. SOURCE_DATE_EPOCH, where set, dates every file.
"""
import argparse
import base64
import hashlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = HERE.parent / "python"  # What the wheel has besides the tree.
PROGRAMS = ("chorus", "api_server", "runner_server")
MACHINE = platform.machine()
DEBIAN_MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}[MACHINE]
SUMMARY = "Inference-graph server: several text generators at once, and a classifier that scores each text as it ends"
URL = "https://sources.debian.org/src"  # Of the libraries' sources.

def output(*command):
    return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True).stdout


def owner(library):
    """The Debian package, and its version and source, that a library is of."""
    path = os.path.realpath(library)
    for candidate in (path, path.removeprefix("/usr")):  # Packages older than the merge of /usr say the latter.
        found = subprocess.run(["dpkg-query", "--search", candidate], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               text=True, check=False)
        if found.returncode == 0:
            package = found.stdout.split(": ")[0]
            return output("dpkg-query", "--show", "--showformat", "${Package} ${Version} ${source:Package} ${source:Version}",
                          package).split(" ")
    raise SystemExit(f"package.py: no Debian package owns {library}, so its licence is unknown")


def add_libraries(tree):
    """Puts into lib/ what the programs load, besides glibc, and its licences into share/doc/chorus."""
    (tree / "lib").mkdir()
    documents = tree / "share/doc/chorus"
    (documents / "licences").mkdir(parents=True)
    shutil.copy(HERE.parent / "LICENSE", documents / "copyright")
    lines = []
    for library in output(HERE / "libraries.sh", *(tree / "bin" / name for name in PROGRAMS)).split():
        package, version, source, source_version = owner(library)
        if source == "glibc":
            continue
        name = pathlib.Path(library).name
        shutil.copyfile(library, tree / "lib" / name)
        shutil.copyfile(f"/usr/share/doc/{package}/copyright", documents / "licences" / package)
        lines.append(f"{name}: Debian's {package} {version}, {URL}/{source}/{source_version}/\n")
    (documents / "libraries.txt").write_text(
        "The libraries in lib/ are Debian's, unchanged. licences/ has the terms of each package.\n\n" + "".join(lines))
    # The texts of the licences that those files only name.
    named = set()
    for path in (documents / "licences").iterdir():
        named.update(re.findall(r"/usr/share/common-licenses/([A-Za-z0-9.-]*[A-Za-z0-9])", path.read_text(errors="replace")))
    (documents / "common-licenses").mkdir()
    for name in sorted(named):
        if os.path.exists(f"/usr/share/common-licenses/{name}"):
            shutil.copyfile(f"/usr/share/common-licenses/{name}", documents / "common-licenses" / name)


def glibc_needed(tree):
    """The newest glibc, such as (2, 36), that a symbol of the programs or the libraries is of."""
    files = [*(tree / "bin").iterdir(), *(tree / "lib").iterdir()]
    versions = re.findall(r"\(GLIBC_(\d+)\.(\d+)[).]", output("objdump", "-T", *files))
    return max((int(major), int(minor)) for major, minor in versions)


def set_modes(tree, date):
    for path in sorted(tree.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        os.utime(path, (date, date))


def make_tarball(tree, version, out):
    stem = f"chorus-{version}-linux-{MACHINE}"

    def plain(info):
        info.uid = info.gid = 0
        info.uname = info.gname = "root"
        return info

    path = out / f"{stem}.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=6) as archive:
        for item in [tree, *sorted(tree.rglob("*"))]:
            archive.add(item, pathlib.Path(stem) / item.relative_to(tree), recursive=False, filter=plain)
    return path


def make_deb(tree, version, glibc, date, out):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder) / "root"
        root.mkdir(mode=0o755)
        shutil.copytree(tree, root / "usr/lib/chorus")
        (root / "usr/share").mkdir()
        shutil.move(root / "usr/lib/chorus/share/doc", root / "usr/share/doc")
        (root / "usr/bin").mkdir()
        set_modes(root, date)
        for name in PROGRAMS:
            (root / "usr/bin" / name).symlink_to(f"../lib/chorus/bin/{name}")
        size = sum(path.lstat().st_size for path in root.rglob("*")) // 1024
        (root / "DEBIAN").mkdir(mode=0o755)
        (root / "DEBIAN/control").write_text(
            f"Package: chorus\nVersion: {version}\nArchitecture: {DEBIAN_MACHINE}\nMaintainer: Chorus <chorus@localhost>\n"
            f"Installed-Size: {size}\nDepends: libc6 (>= {glibc[0]}.{glibc[1]})\nRecommends: ca-certificates\n"
            f"Section: net\nPriority: optional\nDescription: {SUMMARY}\n"
            " With four small demo models; chorus serve starts it all.\n")
        path = out / f"chorus_{version}_{DEBIAN_MACHINE}.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", root, path], check=True,
                       stdout=subprocess.DEVNULL)
        return path


def descriptors():
    """The descriptors of the protos, as python/ makes them."""
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder) / "descriptors"
        subprocess.run([sys.executable, PACKAGE / "descriptors.py", made], check=True)
        return made.read_bytes()


def make_wheel(tree, version, glibc, date, out):
    tag = f"py3-none-manylinux_{glibc[0]}_{glibc[1]}_{MACHINE}"
    info = f"chorus-{version}.dist-info"
    path = out / f"chorus-{version}-{tag}.whl"
    stamp = time.gmtime(max(date, 315532800))[:6]  # A zip file's dates begin in 1980.
    record = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as wheel:

        def add(name, data, mode=0o644):
            entry = zipfile.ZipInfo(name, stamp)
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(data)}\n")

        for item in sorted([*(PACKAGE / "chorus").glob("*.py"), PACKAGE / "chorus/py.typed"]):
            add(f"chorus/{item.name}", item.read_bytes())
        add("chorus/descriptors.binpb", descriptors())
        for item in sorted(tree.rglob("*")):
            if item.is_file():
                add(f"chorus/{item.relative_to(tree)}", item.read_bytes(), item.stat().st_mode & 0o777)
        project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
        requires = "".join(f"Requires-Dist: {each}\n" for each in project["dependencies"])
        add(f"{info}/METADATA", (
            f"Metadata-Version: 2.1\nName: chorus\nVersion: {version}\nSummary: {SUMMARY}\nLicense: Apache-2.0\n"
            f"Requires-Python: {project['requires-python']}\n{requires}").encode())
        add(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: chorus\nRoot-Is-Purelib: false\nTag: {tag}\n".encode())
        add(f"{info}/entry_points.txt",
            ("[console_scripts]\nchorus = chorus.__main__:main\n" + "".join(
                f"{name} = chorus.__main__:{name}\n" for name in PROGRAMS if name != "chorus")).encode())
        record.append(f"{info}/RECORD,,\n")
        entry = zipfile.ZipInfo(f"{info}/RECORD", stamp)
        entry.external_attr = 0o100644 << 16
        wheel.writestr(entry, "".join(record))
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=pathlib.Path, required=True, help="What ./dev install made; stays as it is")
    parser.add_argument("--version", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="Folder for the packages; older ones there go")
    parser.add_argument("--only", choices=("tarball", "deb", "wheel"), help="Make this one alone")
    args = parser.parse_args()
    date = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    args.out.mkdir(parents=True, exist_ok=True)
    for old in args.out.glob("chorus[-_]*"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder) / "chorus"
        shutil.copytree(args.tree, tree)
        add_libraries(tree)
        set_modes(tree, date)
        glibc = glibc_needed(tree)
        print(f"needs glibc {glibc[0]}.{glibc[1]} or newer")
        makers = {
            "tarball": lambda: make_tarball(tree, args.version, args.out),
            "deb": lambda: make_deb(tree, args.version, glibc, date, args.out),
            "wheel": lambda: make_wheel(tree, args.version, glibc, date, args.out),
        }
        for name, make in makers.items():
            if args.only in (None, name):
                path = make()
                print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
