#include "ports/posix/tls.h"

#include "format/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SHA256_LEN 32u

/* What OpenSSL says of a chain, X509_V_ERR_... in its x509_vfy.h; part of its ABI. */
enum chain_error {
    CHAIN_OK = 0,
    CHAIN_NOT_JUDGED = 1, /* libcurl looks at the name before it asks for the verdict */
    CHAIN_NOT_YET_VALID = 9,
    CHAIN_EXPIRED = 10,
    CHAIN_SELF_SIGNED = 18,
    CHAIN_REVOKED = 23,
    CHAIN_OTHER_NAME = 62,
    CHAIN_OTHER_ADDRESS = 64,
};

static void put_base64(const uint8_t in[SHA256_LEN], char out[45])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < SHA256_LEN; i += 3) {
        bool has_third = i + 2 < SHA256_LEN;
        uint32_t bits = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 |
                        (has_third ? (uint32_t)in[i + 2] : 0);
        *out++ = digits[bits >> 18];
        *out++ = digits[bits >> 12 & 63];
        *out++ = digits[bits >> 6 & 63];
        *out++ = has_third ? digits[bits & 63] : '=';
    }
    *out = '\0';
}

bool updraft_tls_add_pin(struct updraft_tls *tls, const char *hex)
{
    uint8_t sha256[SHA256_LEN];
    char base64[45];
    size_t used = strlen(tls->pins);
    size_t cap = sizeof tls->pins - used;
    if (!updraft_text_unhex(hex, strlen(hex), sha256, sizeof sha256))
        return false;
    put_base64(sha256, base64);
    int len = snprintf(tls->pins + used, cap, "%ssha256//%s", used ? ";" : "", base64);
    if (len > 0 && (size_t)len < cap)
        return true;
    tls->pins[used] = '\0';
    return false;
}

void updraft_tls_set(CURL *transfer, const struct updraft_tls *tls)
{
    curl_easy_setopt(transfer, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(transfer, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(transfer, CURLOPT_SSL_VERIFYHOST, 2L);
    if (tls->ca) {
        curl_easy_setopt(transfer, CURLOPT_CAINFO, tls->ca);
        curl_easy_setopt(transfer, CURLOPT_CAPATH, NULL);
    }
    if (tls->pins[0])
        curl_easy_setopt(transfer, CURLOPT_PINNEDPUBLICKEY, tls->pins);
}

/* A bad chain ends the handshake, so behind a good one what is left to refuse is the name. */
static const char *chain_reason(CURL *transfer)
{
    const char *library = curl_version_info(CURLVERSION_NOW)->ssl_version;
    long result = -1;
    if (!library || strncmp(library, "OpenSSL/", 8) != 0)
        return "it cannot be verified"; /* another library numbers its reasons otherwise */
    curl_easy_getinfo(transfer, CURLINFO_SSL_VERIFYRESULT, &result);
    switch (result) {
    case CHAIN_OK:
    case CHAIN_NOT_JUDGED:
    case CHAIN_OTHER_NAME:
    case CHAIN_OTHER_ADDRESS:
        return "it is for another name";
    case CHAIN_NOT_YET_VALID:
        return "it is not valid yet";
    case CHAIN_EXPIRED:
        return "it has expired";
    case CHAIN_SELF_SIGNED:
        return "it is self-signed";
    case CHAIN_REVOKED:
        return "it was revoked";
    default:
        return "this device does not know who issued it";
    }
}

bool updraft_tls_explain(CURL *transfer, CURLcode code, struct updraft_failure *why)
{
    switch (code) {
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        updraft_failure_set(why, UPDRAFT_E_PIN, 0, 0, NULL);
        return true;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        updraft_failure_set(why, UPDRAFT_E_CERTIFICATE, 0, 0, chain_reason(transfer));
        return true;
    case CURLE_SSL_CACERT_BADFILE:
        updraft_failure_set(why, UPDRAFT_E_CERTIFICATE, 0, 0,
                            "this device cannot read its CA file");
        return true;
    default:
        return false;
    }
}
