/* The ota console: any text from two sessions, any answers of a server, any files, time. */
#include "device/console/ovms.h"
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

static const uint8_t *take_bytes(struct script *script, size_t *len)
{
    const uint8_t *bytes;

    *len = (size_t)take_byte(script) * 4u;
    *len = *len < script->len ? *len : script->len;
    bytes = script->data;
    script->data += *len;
    script->len -= *len;
    return bytes;
}

static void hear(struct updraft_ovms *ovms, int session)
{
    char out[300];
    size_t len;

    while ((len = updraft_ovms_drain(ovms, session, out, sizeof out)) > 0)
        for (size_t i = 0; i < len; i++)
            fuzz_require(out[i] != '\0');
}

static void type(struct updraft_ovms *ovms, int session, const char *text, size_t len)
{
    for (size_t off = 0; off < len;) {
        size_t used = updraft_ovms_feed(ovms, session, text + off, len - off);

        fuzz_require(used <= len - off);
        hear(ovms, session);
        off += used;
        if (used == 0)
            break; /* a command runs */
    }
}

/* What chance would type once in a long while. */
static const char *const commands[] = {
    "ota status\n",
    "ota status nocheck\n",
    "ota flash vfs /a\n",
    "ota flash http\n",
    "ota flash auto\n",
    "ota flash auto force\n",
    "ota boot ota_0\n",
    "ota boot ota_1\n",
    "ota erase ota_1\n",
    "ota copy ota_0 ota_1\n",
    "config set ota auto.hour 0\n",
    "config set ota server h/p\n",
    "enable secret\n",
    "module reset\n",
};

struct state {
    struct updraft_ovms *ovms;
    bool is_open; /* what it wanted is being read */
    uint64_t now_ms;
};

/* As a platform does: opened once, then data, then the end; or the end at once. */
static void read_source(struct state *state, struct script *script, uint8_t what)
{
    enum updraft_ovms_wants wants = updraft_ovms_wants(state->ovms);
    const uint8_t *data;
    size_t len;

    if (wants != UPDRAFT_OVMS_WANTS_FILE && wants != UPDRAFT_OVMS_WANTS_HTTP)
        return;
    fuzz_require(strlen(updraft_ovms_source(state->ovms)) < UPDRAFT_OVMS_SOURCE_CAP);
    if (!state->is_open && what % 4 != 0) {
        state->is_open = updraft_ovms_opened(state->ovms, (int64_t)what * 256 - 256, 200);
        if (!state->is_open)
            updraft_ovms_ended(state->ovms, UPDRAFT_OK);
    } else if (state->is_open && what % 4 != 0) {
        data = take_bytes(script, &len);
        if (!updraft_ovms_data(state->ovms, data, len))
            what = 0;
    }
    if (what % 4 == 0) {
        state->is_open = false;
        updraft_ovms_ended(state->ovms, what & 4u ? UPDRAFT_E_DISCONNECTED : UPDRAFT_OK);
    }
}

static void step(struct state *state, struct script *script)
{
    uint8_t what = take_byte(script);
    struct updraft_ovms_clock clock = {.hour = (what >> 3) % 24, .day = 1 + (what >> 5)};
    int session = (what >> 3) & 1;
    const uint8_t *text;
    size_t len;

    switch (what & 7u) {
    case 0:
    case 1:
        read_source(state, script, what >> 3);
        break;
    case 2:
        text = take_bytes(script, &len);
        type(state->ovms, session, (const char *)text, len);
        break;
    case 3:
        state->now_ms += (uint64_t)what * 5000u;
        updraft_ovms_run(state->ovms, &clock, state->now_ms);
        break;
    case 4:
        updraft_ovms_set_network(state->ovms, (enum updraft_ovms_network)((what >> 3) % 3));
        break;
    case 5:
        updraft_ovms_close(state->ovms, session);
        fuzz_require(updraft_ovms_open(state->ovms, what & 16u) == session);
        break;
    default:
        session = take_byte(script) & 1;
        text = (const uint8_t *)commands[(what >> 3) % (sizeof commands / sizeof commands[0])];
        type(state->ovms, session, (const char *)text, strlen((const char *)text));
        break;
    }
    hear(state->ovms, 0);
    hear(state->ovms, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct fuzz_device device;
    static struct updraft_ovms ovms;
    static uint8_t buf[4096];
    struct script script = {data, len};
    struct state state = {.ovms = &ovms, .now_ms = 1000};
    uint8_t kind = take_byte(&script);
    char notice[UPDRAFT_OVMS_NOTICE_CAP];

    fuzz_device_make(&device);
    struct updraft_ovms_config config = {
        .update = &device.update,
        .slots = &device.slots,
        .dialect = kind & 1u ? UPDRAFT_OVMS_3_1_003 : UPDRAFT_OVMS_CURRENT,
        .version = "1.0.0/ota_0/main",
        .product = "v3.3",
        .password = kind & 2u ? "secret" : NULL,
        .chip_id = UPDRAFT_CHIP_ESP32,
        .buf = buf,
    };
    updraft_ovms_init(&ovms, &config);
    updraft_ovms_set_network(&ovms, UPDRAFT_OVMS_NETWORK_WIFI);
    fuzz_require(updraft_ovms_open(&ovms, true) == 0);
    fuzz_require(updraft_ovms_open(&ovms, false) == 1);
    while (script.len > 0)
        step(&state, &script);
    (void)updraft_ovms_take_notice(&ovms, notice);
    fuzz_require(strlen(notice) < sizeof notice);
    fuzz_device_free(&device);
    return 0;
}
