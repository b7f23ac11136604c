#!/usr/bin/env python3
"""Turns a file into C source that holds its bytes.

    embed.py [--gzip] INPUT OUTPUT NAME

defines `const unsigned char NAME[]` (with a NUL behind the last byte) and `const size_t NAME_len`
(without it). The header that declares them is the includer's, so the two are compared by hand only
once: the names are part of this contract. With --gzip they are the bytes of the compressed file.
"""
import gzip
import sys


def main():
    source, target, name = [argument for argument in sys.argv[1:] if argument != "--gzip"]
    with open(source, "rb") as file:
        content = file.read()
    if "--gzip" in sys.argv:
        content = gzip.compress(content, 9, mtime=0)
    rows = [", ".join(f"0x{byte:02X}" for byte in content[at:at + 16] + b"\0" * (at + 16 >= len(content)))
            for at in range(0, len(content), 16)] or ["0x00"]
    with open(target, "w", encoding="ascii") as file:
        file.write("#include <stddef.h>\n\n"
                   f"extern const unsigned char {name}[];\nextern const size_t {name}_len;\n\n"
                   f"const unsigned char {name}[] = {{\n    " + ",\n    ".join(rows) + ",\n};\n"
                   f"const size_t {name}_len = {len(content)};\n")


if __name__ == "__main__":
    main()
