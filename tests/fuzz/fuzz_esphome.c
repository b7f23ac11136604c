/* A hostile ESPHome host: any bytes in any pieces, time, and a connection that goes and comes. */
#include "device/push/esphome.h"
#include "tests/fuzz/fuzz_device.h"

#define HANDSHAKE_LEN 10u

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

/* As a platform would: bytes the engine does not take wait until the answer is out. */
static void feed(struct updraft_esphome *esphome, const uint8_t *data, size_t len, uint64_t now_ms)
{
    uint8_t out[7];

    while (len > 0 && updraft_esphome_wants(esphome) == UPDRAFT_ESPHOME_WANTS_STREAM) {
        size_t used = updraft_esphome_feed(esphome, data, len, now_ms);

        fuzz_require(used <= len);
        data += used;
        len -= used;
        size_t given = 0;
        size_t part;
        while ((part = updraft_esphome_drain(esphome, out, sizeof out)) > 0)
            given += part;
        fuzz_require(used > 0 || given > 0);
    }
}

/* What chance would not find: the magic, the proof, a whole hello without a password. */
static void say(struct updraft_esphome *esphome, uint8_t what, uint64_t now_ms)
{
    static const uint8_t hello[HANDSHAKE_LEN] = {0x6C, 0x26, 0xF7, 0x5C, 0x45, 3, 0, 0, 1, 44};
    char proof[2 * UPDRAFT_ESPHOME_NONCE_CAP] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    size_t digits = strlen(esphome->nonce);

    if (what == 0) {
        feed(esphome, hello, 5, now_ms);
    } else if (what == 1) {
        feed(esphome, hello, sizeof hello, now_ms);
    } else if (what == 2) {
        feed(esphome, (const uint8_t *)"a52dff8366b1473d2e13edd2415def67", 32, now_ms);
    } else if (digits != 0) {
        updraft_esphome_proof("secret", esphome->nonce, proof, proof + digits);
        feed(esphome, (const uint8_t *)proof, 2 * digits, now_ms);
    }
}

static void step(struct updraft_esphome *esphome, struct script *script, uint64_t *now_ms)
{
    uint8_t what = take_byte(script);
    size_t len = what >> 2;

    switch (what & 3u) {
    case 0:
        len = (size_t)(what >> 2) * 8u;
        len = len < script->len ? len : script->len;
        feed(esphome, script->data, len, *now_ms);
        script->data += len;
        script->len -= len;
        break;
    case 1:
        say(esphome, len & 3u, *now_ms);
        break;
    case 2:
        *now_ms += 500u * len;
        updraft_esphome_tick(esphome, *now_ms);
        break;
    default:
        updraft_esphome_closed(esphome);
        fuzz_require(updraft_esphome_wants(esphome) == UPDRAFT_ESPHOME_WANTS_NOTHING);
        updraft_esphome_connected(esphome, *now_ms);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct fuzz_device device;
    struct script script = {data, len};
    struct updraft_esphome esphome;
    uint64_t now_ms = 1000;
    uint8_t kind = take_byte(&script);

    fuzz_device_make(&device);
    struct updraft_esphome_config config = {
        .update = &device.update,
        .version = kind & 1u ? 2 : 1,
        .is_esp8266 = kind & 2u,
        .takes_gzip = kind & 4u,
        .sha256_only = kind & 8u,
        .password = kind & 16u ? "secret" : NULL,
        .random = fake_random,
    };
    updraft_esphome_init(&esphome, &config);
    updraft_esphome_connected(&esphome, now_ms);
    while (script.len > 0)
        step(&esphome, &script, &now_ms);
    updraft_esphome_closed(&esphome);
    fuzz_require(device.update.state != UPDRAFT_UPDATE_RECEIVING);
    fuzz_require(updraft_esphome_take_restart(&esphome) ==
                 (device.update.state == UPDRAFT_UPDATE_DONE));
    fuzz_device_free(&device);
    return 0;
}
