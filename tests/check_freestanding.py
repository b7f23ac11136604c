#!/usr/bin/env python3
"""Device rooms need nothing but mem*, str* and zlib's inflate, and keep no state of their own.

Usage: check_freestanding.py LIBRARY...   (static libraries); prints TAP.
"""
import re
import subprocess
import sys

ALLOWED = re.compile(r"^(mem(cpy|set|cmp|chr|move)|str(len|cmp|ncmp|chr)|inflate(Init2_|End|Reset2?)?"
                     r"|updraft_\w+|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_)$")


def undefined(library):
    out = subprocess.run(["nm", "-u", library], capture_output=True, text=True, check=True).stdout
    return sorted({line.split()[1] for line in out.splitlines() if line.strip().startswith("U ")})


def mutable_bytes(library):
    out = subprocess.run(["size", "-A", library], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines()]
    return sum(int(r[1]) for r in rows
               if len(r) == 3 and re.match(r"^\.(data|bss)(\.(?!rel\.ro)|$)", r[0]))


def main(libraries):
    print(f"1..{2 * len(libraries)}")
    number = 0
    failed = 0
    for library in libraries:
        name = library.rsplit("/", 1)[-1]
        foreign = [s for s in undefined(library) if not ALLOWED.match(s)]
        state = mutable_bytes(library)
        for what, bad in ((f"{name} calls nothing foreign", foreign), (f"{name} has empty .data and .bss", state)):
            number += 1
            failed += bool(bad)
            print(f"{'not ok' if bad else 'ok'} {number} - {what}" + (f" # {bad}" if bad else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
