/* Any order of connections, bytes and time at the device; a well-signed BEGIN now and then, which
 * chance would not find. */
#include "device/push/direct.h"
#include "tests/fuzz/fuzz_device.h"

struct script {
    const uint8_t *data;
    size_t len;
};

static uint8_t take_byte(struct script *script)
{
    if (script->len == 0)
        return 0;
    script->len--;
    return *script->data++;
}

static void fake_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 0x5A, len);
}

static void say_begin(struct updraft_direct *direct, struct script *script, uint64_t now_ms)
{
    struct updraft_direct_message message = {.type = UPDRAFT_DIRECT_BEGIN};
    struct updraft_direct_session session = direct->session;
    uint8_t bytes[UPDRAFT_DIRECT_MESSAGE_CAP];
    uint8_t kind = take_byte(script);

    memset(session.host_nonce, 0, sizeof session.host_nonce);
    message.as.begin.len = 64u * take_byte(script);
    message.as.begin.force = (kind & 1u) != 0;
    message.as.begin.data_partition = (kind & 2u) != 0;
    message.as.begin.from_zero = (kind & 4u) != 0;
    if (kind & 8u)
        strcpy(message.as.begin.partition, "storage");
    updraft_direct_sign(&session, &message);
    updraft_direct_feed(direct, bytes, updraft_direct_encode(&message, bytes), now_ms);
}

static void step(struct updraft_direct *direct, struct script *script, bool *is_open,
                 uint64_t *now_ms)
{
    uint8_t what = take_byte(script);
    uint8_t out[64];
    size_t len = take_byte(script);

    switch (what % 6) {
    case 0:
        if (!*is_open)
            updraft_direct_opened(direct, *now_ms);
        *is_open = true;
        break;
    case 1:
        if (*is_open)
            updraft_direct_closed(direct);
        *is_open = false;
        break;
    case 2:
        if (*is_open)
            say_begin(direct, script, *now_ms);
        break;
    case 3:
        fuzz_require(updraft_direct_drain(direct, out, len % sizeof out) <= len % sizeof out);
        break;
    case 4:
        *now_ms += 64u * len;
        if (*is_open)
            updraft_direct_tick(direct, *now_ms);
        break;
    default:
        len = len < script->len ? len : script->len;
        if (*is_open)
            updraft_direct_feed(direct, script->data, len, *now_ms);
        script->data += len;
        script->len -= len;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct fuzz_device device;
    struct script script = {data, len};
    struct updraft_direct direct;
    uint64_t now_ms = 1000;
    bool is_open = false;

    fuzz_device_make(&device);
    struct updraft_direct_config config = {
        .update = &device.update,
        .has_password = (take_byte(&script) & 1u) != 0,
        .iterations = 1,
        .chip_id = UPDRAFT_CHIP_ESP32,
        .name = "fuzz",
        .product = "",
        .version = "1",
        .random = fake_random,
    };
    updraft_direct_key(config.has_password ? "secret" : NULL, config.salt, 1, config.key);
    updraft_direct_init(&direct, &config);
    while (script.len > 0)
        step(&direct, &script, &is_open, &now_ms);
    if (updraft_direct_take_restart(&direct))
        fuzz_require(device.update.state == UPDRAFT_UPDATE_DONE);
    fuzz_device_free(&device);
    return 0;
}
