/* Any order of datagrams, connections, bytes and time. */
#include "device/push/espota.h"
#include "tests/fuzz/fuzz_device.h"

#include <stdio.h>

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

static const uint8_t *take_bytes(struct script *script, size_t *len)
{
    const uint8_t *bytes = script->data;

    *len = take_byte(script);
    bytes = script->data;
    if (*len > script->len)
        *len = script->len;
    script->data += *len;
    script->len -= *len;
    return bytes;
}

static void fake_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 0x5A, len);
}

/* The right answer to the newest nonce, in one of the ways hosts make it. The key derivation of the
 * SHA-256 scheme would take all of the time: a proof that is none leads through it as well. */
static size_t answer(const struct updraft_espota *espota, uint8_t kind, char out[160])
{
    static const char cnonce[] = "84a086766f135ce7a82354a61920c6a6";
    char secret[UPDRAFT_ESPOTA_DIGITS_CAP], proof[UPDRAFT_ESPOTA_DIGITS_CAP];

    if (kind & 8u)
        return (size_t)snprintf(out, 160, "200 %s%s %s%s\n", cnonce, cnonce, cnonce, cnonce);
    updraft_espota_wire_secret(UPDRAFT_DIGEST_MD5, "secret", secret);
    updraft_espota_wire_md5_proof(secret, espota->nonce,
                                  kind & 16u ? strlen(espota->nonce) : strlen(espota->nonce) / 2,
                                  cnonce, proof);
    return (size_t)snprintf(out, 160, "200 %s %s\n", cnonce, proof);
}

/* Sends a well-formed invitation or answer now and then: chance would not find one. */
static void say(struct updraft_espota *espota, struct script *script, uint64_t now_ms)
{
    static const char invitation[] = "0 45678 300 a52dff8366b1473d2e13edd2415def67\n";
    static const char file_system[] = "100 45678 300 a52dff8366b1473d2e13edd2415def67\n";
    char text[160];
    struct updraft_peer peer = {.len = 1}, to;
    uint8_t reply[UPDRAFT_ESPOTA_DATAGRAM_CAP];
    uint8_t kind = take_byte(script);
    const uint8_t *data = (const uint8_t *)text;
    size_t len;

    peer.bytes[0] = kind & 3u;
    if (kind % 8 == 0) {
        data = (const uint8_t *)invitation;
        len = sizeof invitation - 1;
    } else if (kind % 8 == 1) {
        data = (const uint8_t *)file_system;
        len = sizeof file_system - 1;
    } else if (kind % 8 == 2) {
        len = answer(espota, kind, text);
    } else {
        data = take_bytes(script, &len);
    }
    updraft_espota_datagram(espota, &peer, data, len, now_ms);
    fuzz_require(updraft_espota_reply(espota, &to, reply, sizeof reply) <= sizeof reply);
}

static void step(struct updraft_espota *espota, struct script *script, uint64_t *now_ms)
{
    uint8_t out[64];
    const uint8_t *data;
    size_t len;

    switch (take_byte(script) % 8) {
    case 0:
        say(espota, script, *now_ms);
        break;
    case 1:
        updraft_espota_connected(espota, *now_ms);
        break;
    case 2:
        updraft_espota_connect_failed(espota);
        break;
    case 3:
        data = take_bytes(script, &len);
        updraft_espota_feed(espota, data, len, *now_ms);
        break;
    case 4:
        len = take_byte(script) % sizeof out;
        fuzz_require(updraft_espota_drain(espota, out, len) <= len);
        break;
    case 5:
        updraft_espota_closed(espota, *now_ms);
        /* At most another host's password is being looked at. */
        fuzz_require(updraft_espota_wants(espota) <= UPDRAFT_ESPOTA_WANTS_TICK);
        break;
    case 6:
        updraft_espota_acknowledge(espota, take_byte(script), *now_ms);
        break;
    default:
        *now_ms += 64u * take_byte(script);
        updraft_espota_tick(espota, *now_ms);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct fuzz_device device;
    struct script script = {data, len};
    struct updraft_espota espota;
    uint64_t now_ms = 1000;
    uint8_t kind = take_byte(&script);

    fuzz_device_make(&device);
    struct updraft_espota_config config = {
        .update = &device.update,
        .dialect = kind & 1u ? UPDRAFT_ESPOTA_ESP32 : UPDRAFT_ESPOTA_ESP8266,
        .password = {.text = kind & 2u ? "secret" : NULL, .refuse_md5 = (kind & 8u) != 0},
        .data_partition = kind & 4u ? "storage" : NULL,
        .random = fake_random,
    };
    updraft_espota_init(&espota, &config);
    while (script.len > 0)
        step(&espota, &script, &now_ms);
    if (updraft_espota_take_restart(&espota))
        fuzz_require(device.update.state == UPDRAFT_UPDATE_DONE);
    fuzz_device_free(&device);
    return 0;
}
