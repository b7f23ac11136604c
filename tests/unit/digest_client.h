/* What a client answers to a Digest challenge, computed apart from the code under test. */
#ifndef UPDRAFT_TESTS_DIGEST_CLIENT_H
#define UPDRAFT_TESTS_DIGEST_CLIENT_H

#include "format/digest.h"
#include "format/text.h"

#include <stdio.h>
#include <string.h>

struct digest_client {
    const char *nonce;
    const char *password;
    const char *target;
    const char *method; /* NULL: POST */
    unsigned count;
    bool is_md5;
};

static void digest_client_hash(bool is_md5, const char *text, char *hex)
{
    struct updraft_digest digest;
    struct updraft_text out;
    uint8_t bytes[UPDRAFT_SHA256_LEN];

    updraft_digest_start(&digest, is_md5 ? UPDRAFT_DIGEST_MD5 : UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, text, strlen(text));
    updraft_digest_finish(&digest, bytes);
    updraft_text_init(&out, hex, 65);
    updraft_text_hex(&out, bytes, is_md5 ? UPDRAFT_MD5_LEN : UPDRAFT_SHA256_LEN);
}

static void digest_client_answer(const struct digest_client *client, char *out, size_t out_cap)
{
    const char *method = client->method != NULL ? client->method : "POST";
    char who[65], what[65], proof[65], text[512];

    snprintf(text, sizeof text, "admin:Login Required:%s", client->password);
    digest_client_hash(client->is_md5, text, who);
    snprintf(text, sizeof text, "%s:%s", method, client->target);
    digest_client_hash(client->is_md5, text, what);
    snprintf(text, sizeof text, "%s:%s:%08x:c0ffee:auth:%s", who, client->nonce, client->count,
             what);
    digest_client_hash(client->is_md5, text, proof);
    snprintf(out, out_cap,
             "Digest username=\"admin\", realm=\"Login Required\", nonce=\"%s\", uri=\"%s\", "
             "algorithm=%s, response=\"%s\", qop=auth, nc=%08x, cnonce=\"c0ffee\"",
             client->nonce, client->target, client->is_md5 ? "MD5" : "SHA-256", proof,
             client->count);
}

#endif
