"""Makes the dashboard and turns it into a C file.

    build.py --npm NPM --node NODE --source DIR --chips chip_rows.h --work DIR --output FILE

Works in a folder of the build directory, so that the source tree stays as it is: copies the sources there, installs what
package-lock.json names (once for each lock file), runs Vite, and writes the files that come out as the table which
server/dashboard.h declares, compressed with gzip.
"""
import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
SOURCES = ("package.json", "package-lock.json", ".npmrc", "vite.config.js", "index.html", "src")


def step(name, command, cwd, remedy, environment=None):
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", stdin=subprocess.DEVNULL, env=environment)
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\nthe dashboard: {name} failed. {remedy}")


def copy(source, work):
    os.makedirs(work, exist_ok=True)
    shutil.rmtree(os.path.join(work, "src"), ignore_errors=True)
    for name in SOURCES:
        path = os.path.join(source, name)
        if os.path.isdir(path):
            shutil.copytree(path, os.path.join(work, name))
        else:
            shutil.copy(path, work)


def install(npm, work):
    """`npm ci`, unless these very packages are there already."""
    digest = hashlib.sha256()
    for name in ("package.json", "package-lock.json"):
        with open(os.path.join(work, name), "rb") as file:
            digest.update(file.read())
    stamp = os.path.join(work, "node_modules", ".updraft-installed")
    try:
        with open(stamp, encoding="ascii") as file:
            if file.read() == digest.hexdigest():
                return
    except OSError:
        pass
    step("npm ci", [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], work,
         "It brings the packages that package-lock.json names, so it needs npm's registry or a cache of it ('npm "
         "config get registry' says which).")
    with open(stamp, "w", encoding="ascii") as file:
        file.write(digest.hexdigest())


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def embed(dist, output):
    files = sorted(os.path.relpath(os.path.join(folder, name), dist)
                   for folder, _, names in os.walk(dist) for name in names)
    parts, rows = [], []
    for number, path in enumerate(files):
        with open(os.path.join(dist, path), "rb") as file:
            content = file.read()
        packed = gzip.compress(content, 9, mtime=0)
        lines = ["    " + ",".join(str(byte) for byte in packed[at:at + 32]) + ","
                 for at in range(0, len(packed), 32)]
        parts.append(f"static const unsigned char file_{number}[] = {{\n" + "\n".join(lines) + "\n};\n")
        etag = '"' + hashlib.sha256(content).hexdigest()[:32] + '"'
        name = "" if path == "index.html" else path
        rows.append(f"    {{{quoted(name)}, {quoted(TYPES[os.path.splitext(path)[1]])}, {quoted(etag)}, "
                    f"file_{number}, sizeof file_{number}, {len(content)}}},\n")
    with open(output, "w", encoding="ascii") as out:
        out.write('#include "server/dashboard.h"\n\n' + "\n".join(parts) +
                  "\nconst struct updraft_dashboard_file updraft_dashboard_files[] = {\n" + "".join(rows) +
                  "};\nconst size_t updraft_dashboard_file_count = "
                  f"{len(rows)};\n")


def main():
    parser = argparse.ArgumentParser()
    for option in ("npm", "node", "source", "chips", "work", "output"):
        parser.add_argument("--" + option, required=True)
    args = parser.parse_args()
    work, output = os.path.abspath(args.work), os.path.abspath(args.output)
    copy(args.source, work)
    install(args.npm, work)
    step("vite build", [args.node, "node_modules/vite/bin/vite.js", "build", "--emptyOutDir"], work,
         "The lines above say where.",
         dict(os.environ, UPDRAFT_CHIP_ROWS=os.path.abspath(args.chips)))
    embed(os.path.join(work, "dist"), output)


if __name__ == "__main__":
    main()
