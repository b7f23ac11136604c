#include "server/fleet/address.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

struct updraft_address updraft_address_parse(const char *text)
{
    struct updraft_address address = {{0}};

    if (inet_pton(AF_INET, text, address.bytes + sizeof v4_prefix) == 1)
        memcpy(address.bytes, v4_prefix, sizeof v4_prefix);
    else if (inet_pton(AF_INET6, text, address.bytes) != 1)
        memset(&address, 0, sizeof address);
    return address;
}

/* inet_ntop() goes through printf; a fleet is mostly IPv4. */
static void show_v4(const uint8_t bytes[4], char *out)
{
    for (int i = 0; i < 4; i++) {
        if (bytes[i] >= 100)
            *out++ = (char)('0' + bytes[i] / 100);
        if (bytes[i] >= 10)
            *out++ = (char)('0' + bytes[i] / 10 % 10);
        *out++ = (char)('0' + bytes[i] % 10);
        *out++ = i < 3 ? '.' : '\0';
    }
}

void updraft_address_show(const struct updraft_address *address, char out[UPDRAFT_ADDRESS_CAP])
{
    static const struct updraft_address none;

    out[0] = '\0';
    if (memcmp(address->bytes, v4_prefix, sizeof v4_prefix) == 0)
        show_v4(address->bytes + sizeof v4_prefix, out);
    else if (memcmp(address, &none, sizeof none) != 0)
        inet_ntop(AF_INET6, address->bytes, out, UPDRAFT_ADDRESS_CAP);
}
