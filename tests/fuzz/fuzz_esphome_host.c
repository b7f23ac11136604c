/* A hostile ESPHome device: any answers in any pieces, with the time in between. */
#include "cli/esphome_host.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define IMAGE_LEN 20000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t image[IMAGE_LEN] = {0xE9};
    static const uint8_t packed[100] = {0x1F, 0x8B};
    static const uint8_t random_bytes[32] = {0};
    struct updraft_esphome_host_config config = {
        .image = image,
        .image_len = sizeof image,
        .password = "secret",
        .random = random_bytes,
        .packed_len = sizeof packed,
    };
    struct updraft_esphome_host host;
    uint64_t now_ms = 0;

    if (size > 0 && data[0] & 1)
        config.packed = packed;
    updraft_esphome_host_init(&host, &config, now_ms);
    while (size > 0) {
        size_t len = *data >> 2;
        uint8_t what = *data & 3;
        const uint8_t *out;

        data++;
        size--;
        len = len < size ? len : size;
        if (what < 2) {
            updraft_esphome_host_feed(&host, data, len, now_ms);
            data += len;
            size -= len;
        } else {
            now_ms += 97 * len;
            updraft_esphome_host_tick(&host, now_ms);
        }
        /* Sometimes the device is quicker than what is taken. */
        for (size_t given;
             what != 1 && (given = updraft_esphome_host_take(&host, &out, now_ms)) > 0;)
            for (size_t i = 0; i < given; i++)
                (void)((const volatile uint8_t *)out)[i];
        if (host.sent_len > sizeof image || host.acked_len > host.sent_len ||
            host.out_len > sizeof host.out)
            __builtin_trap();
    }
    updraft_esphome_host_closed(&host);
    if (host.state < UPDRAFT_ESPHOME_HOST_DONE || strlen(host.words) >= sizeof host.words)
        __builtin_trap();
    return 0;
}
