/* Any headers and body; the answer must not depend on how the body was split. */
#include "device/push/web.h"
#include "tests/fuzz/fuzz_device.h"

#define TEXT_CAP 128u

static void status_json(void *ctx, char *out, size_t cap)
{
    (void)ctx;
    memset(out, 'x', cap - 1);
    out[cap - 1] = '\0';
}

/* The text up to the next line end, copied, so that reading past it is found. */
static const char *take_text(const uint8_t **data, size_t *len, char *text)
{
    size_t n = 0;

    while (n < *len && (*data)[n] != '\n' && n < TEXT_CAP - 1)
        n++;
    memcpy(text, *data, n);
    text[n] = '\0';
    *data += n < *len ? n + 1 : n;
    *len -= n < *len ? n + 1 : n;
    return n > 0 ? text : NULL;
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 7, len);
}

/* An ElegantOTA 3 client starts with what the request's target says. */
static void start_before(struct updraft_web *web, const struct updraft_web_request *request,
                         struct updraft_web_response *other)
{
    struct updraft_web_request start = *request;
    bool use_other;

    start.method = "GET";
    start.path = "/ota/start";
    fuzz_require(updraft_web_request(web, &start, other, &use_other) == UPDRAFT_WEB_RESPOND);
    fuzz_require(!use_other);
}

static void run(const struct updraft_web_request *request, const char *password,
                const uint8_t *body, size_t len, size_t step, struct updraft_web_response *answer)
{
    static struct fuzz_device device;
    static struct updraft_web web;
    static struct updraft_web_response other;
    bool use_other;

    fuzz_device_make(&device);
    struct updraft_web_config config = {
        .update = &device.update,
        .password = password,
        .data_partition = "storage",
        .name = "garage",
        .status_json = status_json,
        .random = fill,
    };
    updraft_web_init(&web, &config);
    start_before(&web, request, &other);
    fuzz_require(device.update.state == UPDRAFT_UPDATE_IDLE);
    enum updraft_web_next next = updraft_web_request(&web, request, &other, &use_other);
    fuzz_require(!use_other);
    memset(answer, 0, sizeof *answer);
    if (next == UPDRAFT_WEB_TAKE_BODY) {
        for (size_t off = 0; off < len; off += step)
            updraft_web_body(&web, body + off, len - off < step ? len - off : step);
        updraft_web_finish(&web);
    }
    if (next != UPDRAFT_WEB_NOT_MINE)
        *answer = web.response;
    fuzz_require(answer->body_len < sizeof answer->body);
    fuzz_require(answer->restart == (device.update.state == UPDRAFT_UPDATE_DONE));
    fuzz_require(device.update.state != UPDRAFT_UPDATE_RECEIVING);
    fuzz_device_free(&device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const paths[] = {
        "/update",     "/api/v1/firmware/upload", "/status", "/update/identity", "/ota/start",
        "/ota/upload", "/update/update",          "/"};
    static struct updraft_web_response whole, pieces;
    static char texts[8][TEXT_CAP];

    if (len < 2)
        return 0;
    uint8_t kind = data[0];
    size_t step = 1u + data[1] % 64u;
    data += 2;
    len -= 2;
    struct updraft_web_request request = {
        .method = (kind & 3u) == 3u ? "GET" : "POST",
        .path = paths[kind >> 2 & 7u],
        .client = "1.2.3.4",
        .content_type = take_text(&data, &len, texts[0]),
        .content_length = take_text(&data, &len, texts[1]),
        .authorization = take_text(&data, &len, texts[2]),
        .origin = take_text(&data, &len, texts[3]),
        .host = take_text(&data, &len, texts[4]),
        .target = take_text(&data, &len, texts[5]),
        .repr_digest = take_text(&data, &len, texts[6]),
        .content_range = take_text(&data, &len, texts[7]),
    };
    const char *password = kind & 64u ? "secret" : NULL;
    if (kind & 32u)
        request.content_type = "multipart/form-data; boundary=ab";
    run(&request, password, data, len, len + 1, &whole);
    run(&request, password, data, len, step, &pieces);
    fuzz_require(whole.status == pieces.status);
    /* How many bytes were too many is known only as far as they were looked at. */
    if (strstr(whole.body, "were announced") == NULL && strstr(whole.body, "too_large") == NULL &&
        strstr(whole.body, "Not Enough Space") == NULL)
        fuzz_require(whole.body_len == pieces.body_len &&
                     memcmp(whole.body, pieces.body, whole.body_len) == 0);
    return 0;
}
