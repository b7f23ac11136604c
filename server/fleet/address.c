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

void updraft_address_show(const struct updraft_address *address, char out[UPDRAFT_ADDRESS_CAP])
{
    static const struct updraft_address none;
    bool is_v4 = memcmp(address->bytes, v4_prefix, sizeof v4_prefix) == 0;

    out[0] = '\0';
    if (memcmp(address, &none, sizeof none) != 0)
        inet_ntop(is_v4 ? AF_INET : AF_INET6, address->bytes + (is_v4 ? sizeof v4_prefix : 0), out,
                  UPDRAFT_ADDRESS_CAP);
}
