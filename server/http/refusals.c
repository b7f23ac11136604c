#include "server/http/refusals.h"

#include "format/text.h"

void updraft_http_refuse(struct updraft_response *response, unsigned status, const char *message,
                         const char *remedy)
{
    static const struct {
        unsigned status;
        const char *code;
    } codes[] = {{400, "bad_request"},  {401, "unauthorized"},       {403, "forbidden"},
                 {404, "not_found"},    {405, "method_not_allowed"}, {413, "too_large"},
                 {414, "url_too_long"}, {422, "not_a_package"},      {431, "headers_too_large"},
                 {500, "write_failed"}, {501, "not_implemented"},    {503, "stopping"},
                 {507, "disk_full"}};
    struct updraft_refusal refusal = {status, "refused", remedy};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i].status == status)
            refusal.code = codes[i].code;
    }
    updraft_response_refuse(response, &refusal, "%s", message);
}

void updraft_http_refuse_damaged(struct updraft_response *response, const struct updraft_log *log)
{
    static const struct updraft_refusal damaged = {
        500, "artifact_damaged",
        "Restore it from a backup, or delete the file and publish the same image again."};
    char hex[2 * UPDRAFT_SHA256_LEN + 1];
    struct updraft_text text;

    updraft_text_init(&text, hex, sizeof hex);
    updraft_text_hex(&text, response->file_sha256, UPDRAFT_SHA256_LEN);
    updraft_log_event(
        log, UPDRAFT_LOG_ERROR, "artifact_damaged",
        "ALARM: the artifact %s is missing or its bytes have changed; put the original "
        "file back",
        hex);
    updraft_response_refuse(response, &damaged, "the server's copy of this image is damaged");
}

void updraft_http_refuse_unreadable(struct updraft_response *response)
{
    static const struct updraft_refusal unreadable = {
        503, "read_failed",
        "Ask again in a moment; if it stays, look at the server's disk and its limit of files."};

    updraft_response_refuse(response, &unreadable, "the server cannot read this image");
    updraft_response_header_constant(response, "Retry-After", "10");
}

void updraft_http_refuse_impostor(struct updraft_response *response,
                                  const struct updraft_request *request)
{
    static const struct updraft_refusal impostor = {
        403, "another_device",
        "Give the device a certificate with its own id (its MAC address) as common name."};

    updraft_response_refuse(response, &impostor,
                            "this certificate was made for %s, and speaks for another device",
                            request->certified);
}
