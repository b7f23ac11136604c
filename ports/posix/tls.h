/* HTTPS of the virtual device: whom it trusts, and why it does not.
 *
 * The chain, the name and the time of a certificate are always checked, against the system's bundle or
 * against a CA of the owner's instead. Pinned keys come on top of that: whoever answers must show one of
 * them, at every step of a redirect. TLS 1.2 or later.
 *
 * Owns: the options and the reasons. The texts are the caller's. */
#ifndef UPDRAFT_PORTS_POSIX_TLS_H
#define UPDRAFT_PORTS_POSIX_TLS_H

#include "format/error.h"

#include <curl/curl.h>

#include <stdbool.h>

#define UPDRAFT_TLS_PIN_COUNT_CAP 3u
#define UPDRAFT_TLS_PIN_HEX_LEN   64u
/* "sha256//" and base64 of 32 bytes, each but the last with a ';', and a NUL. */
#define UPDRAFT_TLS_PINS_CAP (UPDRAFT_TLS_PIN_COUNT_CAP * (8u + 44u + 1u))

struct updraft_tls {
    const char *ca; /* a PEM file that stands for the system's bundle; NULL: the bundle */
    char pins[UPDRAFT_TLS_PINS_CAP]; /* as libcurl has them: "sha256//BASE64;..."; "": none */
};

/* Adds a SHA-256 of a public key (DER, SubjectPublicKeyInfo), 64 hex digits. False when it is none, or
 * one too many. */
bool updraft_tls_add_pin(struct updraft_tls *tls, const char *hex);

void updraft_tls_set(CURL *transfer, const struct updraft_tls *tls);

/* True when the transfer ended because its server is not trusted; why goes to *why. Else *why stays. */
bool updraft_tls_explain(CURL *transfer, CURLcode code, struct updraft_failure *why);

#endif
