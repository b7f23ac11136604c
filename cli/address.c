#include "cli/address.h"

#include "cli/command.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

enum updraft_exit updraft_address_read(const char *text, char host[UPDRAFT_ADDRESS_CAP],
                                       uint16_t *port, struct updraft_fail *fail)
{
    const char *colon = strrchr(text, ':');
    size_t host_len = colon ? (size_t)(colon - text) : strlen(text);
    uint32_t value = 0;

    if (strstr(text, "://") || strchr(text, '/') || host_len == 0 ||
        host_len >= UPDRAFT_ADDRESS_CAP || strchr(text, ':') != colon ||
        (colon && (!updraft_args_parse_number(colon + 1, &value) || value < 1 || value > 65535)))
        return updraft_fail_set(fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Give a name or an IPv4 address, with a port if need be: "
                                "192.168.1.50:8080.",
                                "'%s' is no device address", text);
    memcpy(host, text, host_len);
    host[host_len] = '\0';
    *port = (uint16_t)value;
    return UPDRAFT_EXIT_OK;
}

enum updraft_exit updraft_address_subnet(const char *text, uint32_t *first, uint32_t *count,
                                         struct updraft_fail *fail)
{
    const char *slash = strchr(text, '/');
    char address[INET_ADDRSTRLEN];
    struct in_addr parsed;
    uint32_t bits = 0;
    uint32_t size;

    if (!slash || (size_t)(slash - text) >= sizeof address ||
        !updraft_args_parse_number(slash + 1, &bits) || bits > 32)
        return updraft_fail_set(fail, UPDRAFT_EXIT_USAGE, "usage", "Write it so: 192.168.1.0/24.",
                                "'%s' is no subnet", text);
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    if (inet_pton(AF_INET, address, &parsed) != 1)
        return updraft_fail_set(fail, UPDRAFT_EXIT_USAGE, "usage", "Write it so: 192.168.1.0/24.",
                                "'%s' is no IPv4 address", address);
    if (bits < 20)
        return updraft_fail_set(fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Take a smaller part of it: /20 or above.",
                                "'%s' has more than %u addresses", text, UPDRAFT_SUBNET_CAP);
    size = 1u << (32 - bits);
    *first = ntohl(parsed.s_addr) & ~(size - 1);
    *count = size;
    if (bits < 31) {
        *first += 1;
        *count -= 2;
    }
    return UPDRAFT_EXIT_OK;
}

void updraft_address_text(uint32_t address, char out[INET_ADDRSTRLEN])
{
    struct in_addr in = {.s_addr = htonl(address)};

    if (!inet_ntop(AF_INET, &in, out, INET_ADDRSTRLEN))
        out[0] = '\0';
}

bool updraft_address_resolve(const char *host, struct in_addr *out, const char **reason)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found;
    int status = getaddrinfo(host, NULL, &hints, &found);

    if (status) {
        *reason = gai_strerror(status);
        return false;
    }
    *out = ((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr;
    freeaddrinfo(found);
    return true;
}

static unsigned mask_bits(uint32_t mask)
{
    unsigned bits = 0;

    for (; mask & 0x80000000u; mask <<= 1)
        bits++;
    return bits;
}

void updraft_address_own_subnets(char *out, size_t out_cap)
{
    struct ifaddrs *all;
    size_t len = 0;

    out[0] = '\0';
    if (getifaddrs(&all))
        return;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        char text[INET_ADDRSTRLEN];
        uint32_t address;
        uint32_t mask;

        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET || !one->ifa_netmask ||
            (one->ifa_flags & IFF_LOOPBACK) || !(one->ifa_flags & IFF_UP))
            continue;
        address = ntohl(((const struct sockaddr_in *)(const void *)one->ifa_addr)->sin_addr.s_addr);
        mask = ntohl(((const struct sockaddr_in *)(const void *)one->ifa_netmask)->sin_addr.s_addr);
        updraft_address_text(address & mask, text);
        if (mask_bits(mask) < 32 && len < out_cap)
            len += (size_t)snprintf(out + len, out_cap - len, "%s%s/%u", len ? " " : "", text,
                                    mask_bits(mask));
    }
    freeifaddrs(all);
}
