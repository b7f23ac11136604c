"""Turns the dashboard page into a C file: its bytes, a policy that allows exactly its own script and
style, and an ETag. Usage: embed.py index.html out.c"""
import base64
import hashlib
import re
import sys

page = open(sys.argv[1], "rb").read()


def hash_of(tag):
    found = re.findall(rb"<%s>(.*?)</%s>" % (tag, tag), page, re.DOTALL)
    if len(found) != 1:
        sys.exit("the page must have exactly one <%s> without attributes" % tag.decode())
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(found[0]).digest()).decode()


policy = "; ".join([
    "default-src 'none'",
    "script-src " + hash_of(b"script"),
    "style-src " + hash_of(b"style"),
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
])
etag = hashlib.sha256(page).hexdigest()[:32]
rows = ["    " + " ".join("%d," % b for b in page[i:i + 24]) for i in range(0, len(page), 24)]

with open(sys.argv[2], "w") as out:
    out.write('#include "server/dashboard.h"\n\n')
    out.write("const unsigned char updraft_dashboard_page[] = {\n%s\n};\n" % "\n".join(rows))
    out.write("const size_t updraft_dashboard_page_len = sizeof updraft_dashboard_page;\n")
    out.write('const char updraft_dashboard_policy[] = "%s";\n' % policy)
    out.write('const char updraft_dashboard_etag[] = "\\"%s\\"";\n' % etag)
