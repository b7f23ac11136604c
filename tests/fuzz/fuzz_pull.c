/* Any server; the outcome must not depend on how its answers were split. */
#include "device/pull/pull.h"
#include "tests/fuzz/fuzz_device.h"

struct answer {
    uint16_t status;
    int64_t content_len;
    const char *md5;
    const char *etag;
    const char *content_range;
    const char *cache_control;
    uint32_t retry_after_s;
    const uint8_t *body;
    size_t len;
    enum updraft_error transport;
};

struct result {
    enum updraft_pull_outcome outcome;
    enum updraft_error code;
};

static void answer_fetch(struct updraft_pull *pull, const struct answer *answer, size_t step)
{
    struct updraft_pull_answer head = {
        .status = answer->status,
        .content_len = answer->content_len,
        .md5 = answer->md5,
        .etag = answer->etag,
        .content_range = answer->content_range,
        .cache_control = answer->cache_control,
        .retry_after_s = answer->retry_after_s,
    };
    bool go_on = updraft_pull_response(pull, &head);

    for (size_t off = 0; go_on && off < answer->len; off += step)
        go_on = updraft_pull_body(pull, answer->body + off,
                                  answer->len - off < step ? answer->len - off : step);
    updraft_pull_end(pull, go_on ? answer->transport : UPDRAFT_OK, 1000);
}

static struct result run(enum updraft_pull_way way, const struct answer answers[2], size_t step)
{
    static struct fuzz_device device;
    static struct updraft_pull pull;
    static struct updraft_pull_fetch fetch;
    struct result result;

    static const struct updraft_check_ask ask = {
        .device = "m", .product = "p", .version = "1", .layout = "l", .capacity = 65536};

    fuzz_device_make(&device);
    struct updraft_pull_config config = {
        .check_in = &updraft_pull_check_in,
        .ask = &ask,
        .update = &device.update,
        .way = way,
        .url = "http://h/x",
        .identity = {.mac = "m", .version = "1", .sdk_version = "s"},
        .interval_s = 10,
    };
    updraft_pull_init(&pull, &config, 0);
    for (int i = 0; i < 6 && device.update.state != UPDRAFT_UPDATE_DONE; i++) {
        updraft_pull_now(&pull, 0);
        if (updraft_pull_wants(&pull, 0, &fetch))
            answer_fetch(&pull, &answers[i % 2], step);
    }
    if (updraft_pull_goes_on(&pull))
        updraft_update_withdraw(&device.update);
    result.outcome = updraft_pull_take_outcome(&pull);
    result.code = pull.failure.code;
    fuzz_require((result.outcome == UPDRAFT_PULL_UPDATED) ==
                 (device.update.state == UPDRAFT_UPDATE_DONE));
    fuzz_require(device.update.state != UPDRAFT_UPDATE_RECEIVING);
    fuzz_device_free(&device);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint16_t statuses[] = {200, 200, 200, 304, 503, 416, 206, 403};
    struct answer answers[2] = {{0}};
    char md5[40] = {0};

    if (len < 40)
        return 0;
    enum updraft_pull_way way = (enum updraft_pull_way)(data[0] % 5u);
    size_t step = 1u + data[1] % 64u;
    size_t first_len = data[2];
    memcpy(md5, data + 3, 32);
    answers[0].status = statuses[data[35] & 7u];
    answers[1].status = statuses[data[35] >> 3 & 7u];
    answers[0].transport = data[36] & 1u ? UPDRAFT_E_DISCONNECTED : UPDRAFT_OK;
    answers[0].md5 = data[36] & 2u ? md5 : NULL;
    answers[0].etag = answers[1].etag = data[36] & 4u ? "\"e\"" : NULL;
    answers[1].content_range = data[36] & 8u ? "bytes 4096-8191/8192" : NULL;
    if ((data[36] & 8u) != 0)
        answers[0].transport = UPDRAFT_E_DISCONNECTED;
    answers[1].content_len = (int64_t)(data[37] | data[38] << 8) - 1;
    answers[0].cache_control = answers[1].cache_control = md5; /* any text */
    answers[0].retry_after_s = answers[1].retry_after_s = (uint32_t)data[39] << (data[39] & 31u);
    data += 40;
    len -= 40;
    first_len = first_len < len ? first_len : len;
    answers[0].body = data;
    answers[0].len = first_len;
    answers[0].content_len = (int64_t)first_len;
    answers[1].body = data + first_len;
    answers[1].len = len - first_len;

    struct result whole = run(way, answers, len + 1);
    struct result pieces = run(way, answers, step);
    fuzz_require(whole.outcome == pieces.outcome && whole.code == pieces.code);
    return 0;
}
