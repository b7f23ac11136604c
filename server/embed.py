"""Turns a file into a C array and an ETag. Usage: embed.py FILE NAME HEADER out.c"""
import hashlib
import sys

source, name, header, target = sys.argv[1:]
with open(source, "rb") as file:
    content = file.read()
rows = ["    " + " ".join("%d," % b for b in content[i:i + 24]) for i in range(0, len(content), 24)]
with open(target, "w", encoding="ascii") as out:
    out.write('#include "%s"\n\n' % header)
    out.write("const unsigned char %s[] = {\n%s\n};\n" % (name, "\n".join(rows)))
    out.write("const size_t %s_len = sizeof %s;\n" % (name, name))
    out.write('const char %s_etag[] = "\\"%s\\"";\n' % (name, hashlib.sha256(content).hexdigest()[:32]))
