/* A hostile device: each input byte says what comes next and how long it is. */
#include "cli/espota_host.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t image[20000] = {0xE9};
    const struct updraft_espota_host_config config = {
        .image = image,
        .image_len = sizeof image,
        .tcp_port = 1,
        .password = "secret",
        .name = "a.bin",
        .address = "10.0.0.1",
    };
    struct updraft_espota_host host;
    uint8_t out[UPDRAFT_ESPOTA_HOST_DATAGRAM_CAP];
    const uint8_t *chunk;
    uint64_t now_ms = 0;

    updraft_espota_host_init(&host, &config, now_ms);
    while (size > 0 && host.state < UPDRAFT_ESPOTA_HOST_DONE) {
        uint8_t what = *data & 3;
        size_t len = *data >> 2;

        data++;
        size--;
        len = len < size ? len : size;
        if (what == 0 && len == 63) /* chance finds none of its own; 32 digits: quick to answer */
            updraft_espota_host_datagram(
                &host, (const uint8_t *)"AUTH 0123456789abcdef0123456789abcdef", 37, now_ms);
        else if (what == 0)
            updraft_espota_host_datagram(&host, data, len, now_ms);
        else if (what == 1)
            updraft_espota_host_feed(&host, data, len, now_ms);
        else if (what == 2)
            updraft_espota_host_connected(&host, now_ms);
        else
            now_ms += 97 * len;
        if (what < 2) {
            data += len;
            size -= len;
        }
        updraft_espota_host_tick(&host, now_ms);
        (void)updraft_espota_host_take_datagram(&host, out, sizeof out);
        (void)updraft_espota_host_take_chunk(&host, &chunk, now_ms);
        if (host.sent_len > sizeof image || host.ahead_len > UPDRAFT_ESPOTA_HOST_AHEAD_LEN ||
            strlen(host.text) >= sizeof host.text)
            __builtin_trap();
    }
    updraft_espota_host_closed(&host);
    return 0;
}
