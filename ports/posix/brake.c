#include "ports/posix/brake.h"

#include <arpa/inet.h>
#include <string.h>

void updraft_brake_init(struct updraft_brake *brake, const struct updraft_log *log)
{
    *brake = (struct updraft_brake){.log = log};
}

static void read_address(const struct sockaddr *from, uint8_t out[16])
{
    memset(out, 0, 16);
    if (from->sa_family == AF_INET6) {
        memcpy(out, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
    } else if (from->sa_family == AF_INET) {
        memset(out + 10, 0xFF, 2);
        memcpy(out + 12, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    }
}

static const struct updraft_guest *find(const struct updraft_brake *brake,
                                        const struct sockaddr *from)
{
    uint8_t address[16];
    read_address(from, address);
    for (size_t i = 0; i < UPDRAFT_BRAKE_GUEST_CAP; i++) {
        const struct updraft_guest *guest = &brake->guests[i];
        if (guest->wrong_in_row > 0 && memcmp(guest->address, address, sizeof address) == 0)
            return guest;
    }
    return NULL;
}

/* The place of this address, else a free one, else that of the one who was quiet for longest, with
 * what stands against it: someone with many addresses gets no fresh start for each. */
static struct updraft_guest *take_place(struct updraft_brake *brake, const struct sockaddr *from)
{
    const struct updraft_guest *known = find(brake, from);
    struct updraft_guest *place = &brake->guests[0];
    if (known)
        return &brake->guests[known - brake->guests];
    for (size_t i = 0; i < UPDRAFT_BRAKE_GUEST_CAP; i++) {
        struct updraft_guest *guest = &brake->guests[i];
        if (guest->wrong_in_row == 0 ||
            (place->wrong_in_row > 0 && guest->last_ms < place->last_ms))
            place = guest;
    }
    read_address(from, place->address);
    return place;
}

uint32_t updraft_brake_wait_ms(const struct updraft_brake *brake, const struct sockaddr *from,
                               uint64_t now_ms)
{
    const struct updraft_guest *guest = find(brake, from);
    if (!guest || guest->wrong_in_row < UPDRAFT_BRAKE_FREE)
        return 0;
    uint64_t end_ms = guest->last_ms + UPDRAFT_BRAKE_MS;
    return end_ms > now_ms ? (uint32_t)(end_ms - now_ms) : 0;
}

void updraft_brake_note(struct updraft_brake *brake, const struct sockaddr *from,
                        enum updraft_sign_in result, const char *via, uint64_t now_ms)
{
    if (result == UPDRAFT_SIGN_IN_NONE || (result == UPDRAFT_SIGN_IN_RIGHT && !find(brake, from)))
        return;
    struct updraft_guest *place = take_place(brake, from);
    if (result == UPDRAFT_SIGN_IN_RIGHT) {
        place->wrong_in_row = 0;
        return;
    }
    char text[INET6_ADDRSTRLEN] = "?";
    bool is_ipv4 = from->sa_family == AF_INET;
    (void)inet_ntop(is_ipv4 ? AF_INET : AF_INET6, place->address + (is_ipv4 ? 12 : 0), text,
                    sizeof text);
    place->wrong_in_row++;
    place->last_ms = now_ms;
    updraft_log_event(brake->log, "sign-in failed via=%s from=%s", via, text);
}
