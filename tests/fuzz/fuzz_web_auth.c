/* Any Authorization header, Host, Origin, query, digest, and range: nothing is read past its end, a proof holds for
 * one password and one time only, and no name under a foreign domain passes for the device's. */
#include "device/push/web_auth.h"
#include "device/push/web_origin.h"
#include "device/push/web_resume.h"
#include "device/push/web_start.h"
#include "tests/fuzz/fuzz_device.h"

#include <stdlib.h>

static enum updraft_web_verdict check(struct updraft_web_auth *auth, const char *authorization,
                                      const char *password)
{
    return updraft_web_auth_check(auth, &(struct updraft_web_credentials){
                                            .authorization = authorization,
                                            .method = "POST",
                                            .target = "/update",
                                            .password = password,
                                        });
}

static void try_password(const char *text)
{
    static const uint8_t secret[UPDRAFT_WEB_SECRET_LEN] = "0123456789abcde";
    struct updraft_web_auth auth;
    char nonce[UPDRAFT_WEB_NONCE_LEN + 1];
    enum updraft_web_verdict verdict;

    updraft_web_auth_init(&auth, secret);
    updraft_web_auth_issue(&auth, 0, nonce); /* the one that the seeds answer */
    fuzz_require(check(&auth, text, "another") != UPDRAFT_WEB_RIGHT);
    verdict = check(&auth, text, "secret");
    if (verdict == UPDRAFT_WEB_RIGHT && updraft_web_digest_is_one(text))
        fuzz_require(check(&auth, text, "secret") == UPDRAFT_WEB_STALE);
    else
        fuzz_require(check(&auth, text, "secret") == verdict);
}

static void try_origin(const char *text)
{
    size_t len = strlen(text);
    char *longer = malloc(len + 16);

    if (longer == NULL)
        abort();
    (void)updraft_web_is_own_host(text, "garage");
    (void)updraft_web_is_foreign(text, "garage");
    (void)updraft_web_refers_elsewhere(text, "garage");
    if (strchr(text, ':') == NULL) {
        memcpy(longer, text, len);
        memcpy(longer + len, ".example", sizeof ".example");
        fuzz_require(!updraft_web_is_own_host(longer, "garage"));
    }
    free(longer);
}

static void try_query(const char *text)
{
    struct updraft_web_start start = {0};
    struct updraft_web_part part;

    if (updraft_web_part_read(NULL, text, 1000, &part) == UPDRAFT_OK)
        fuzz_require(part.total - part.off == 1000 && !part.has_sha256);
    if (updraft_web_part_read(text, NULL, 1000, &part) == UPDRAFT_OK)
        fuzz_require(part.total == 1000 && part.off == 0);
    if (updraft_web_part_ask(text, &part) == UPDRAFT_OK)
        fuzz_require(part.has_sha256 && part.off == 0);

    if (updraft_web_start_note(&start, "a", text, 0) == UPDRAFT_OK)
        fuzz_require(updraft_web_start_take(&start, "a", NULL, 0));
    fuzz_require(!updraft_web_start_take(&start, "a", NULL, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1); /* exactly as long, so that reading past it is found */

    if (text == NULL)
        abort();
    memcpy(text, data, len);
    text[len] = '\0';
    try_password(text);
    try_origin(text);
    try_query(text);
    free(text);
    return 0;
}
