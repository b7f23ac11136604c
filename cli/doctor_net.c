/* Name, route, ports. */
#include "cli/address.h"
#include "cli/doctor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool updraft_doctor_address(struct updraft_doctor *doctor)
{
    static const char step[] = "address";
    char text[INET_ADDRSTRLEN];
    const char *reason;

    updraft_doctor_begin(doctor, step);
    if (!updraft_address_resolve(doctor->push.host, &doctor->address, &reason)) {
        size_t len = strlen(doctor->push.host);
        bool is_local = len > 6 && !strcmp(doctor->push.host + len - 6, ".local");

        updraft_doctor_fail(
            doctor, step,
            updraft_fail_set(&doctor->push.cli->fail, UPDRAFT_EXIT_NETWORK, "cannot_connect",
                             is_local ? "Names in .local need mDNS: install libnss-mdns, or take "
                                        "the address that 'updraft discover' shows."
                                      : "Check the name, or give the device's IP address.",
                             "the name %s is not known: %s", doctor->push.host, reason));
        return false;
    }
    updraft_address_text(ntohl(doctor->address.s_addr), text);
    if (strcmp(text, doctor->push.host))
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_OK, "%s is %s", doctor->push.host, text);
    else
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_OK, "%s", text);
    return true;
}

/* The interface that has an address, and whether its subnet holds the device. */
static bool find_interface(struct in_addr local, struct in_addr device, char *name, size_t name_cap)
{
    struct ifaddrs *all;
    bool is_near = false;

    snprintf(name, name_cap, "an unknown interface");
    if (getifaddrs(&all))
        return false;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        const struct sockaddr_in *own = (const void *)one->ifa_addr;
        const struct sockaddr_in *mask = (const void *)one->ifa_netmask;

        if (!own || own->sin_family != AF_INET || own->sin_addr.s_addr != local.s_addr)
            continue;
        snprintf(name, name_cap, "%s", one->ifa_name);
        is_near = mask && ((own->sin_addr.s_addr ^ device.s_addr) & mask->sin_addr.s_addr) == 0;
    }
    freeifaddrs(all);
    return is_near;
}

/* Connecting a datagram socket sends nothing; it only chooses the way. */
bool updraft_doctor_route(struct updraft_doctor *doctor)
{
    static const char step[] = "route";
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = doctor->address};
    struct sockaddr_in local = {0};
    socklen_t local_len = sizeof local;
    char name[IF_NAMESIZE + 8];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error = 0;

    updraft_doctor_begin(doctor, step);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) ||
        getsockname(fd, (struct sockaddr *)&local, &local_len))
        error = errno;
    if (fd >= 0)
        close(fd);
    if (error) {
        updraft_doctor_fail(
            doctor, step,
            updraft_fail_set(&doctor->push.cli->fail, UPDRAFT_EXIT_NETWORK, "cannot_connect",
                             "Connect this computer to the device's network.",
                             "this computer has no way there: %s", strerror(error)));
        return false;
    }
    updraft_address_text(ntohl(local.sin_addr.s_addr), doctor->local);
    if (find_interface(local.sin_addr, doctor->address, name, sizeof name)) {
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_OK, "from %s on %s, in the same subnet",
                            doctor->local, name);
        return true;
    }
    updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_NOTE, "from %s on %s, through a router",
                        doctor->local, name);
    updraft_doctor_advise(doctor, "That is fine where nothing in between blocks or translates; "
                                  "espota's call back seldom comes through.");
    return true;
}

enum updraft_doctor_port updraft_doctor_dial(struct updraft_doctor *doctor, uint16_t port, int *fd)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = doctor->address};
    struct pollfd polled = {.events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;

    polled.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (polled.fd < 0)
        return UPDRAFT_DOCTOR_PORT_SILENT;
    if (connect(polled.fd, (const struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
        error = errno;
    else if (poll(&polled, 1, (int)doctor->timeout_ms) <= 0)
        error = ETIMEDOUT;
    else if (getsockopt(polled.fd, SOL_SOCKET, SO_ERROR, &error, &len))
        error = errno;
    doctor->is_there |= error == 0 || error == ECONNREFUSED;
    if (error == 0 && fd)
        *fd = polled.fd;
    else
        close(polled.fd);
    if (error == 0)
        return UPDRAFT_DOCTOR_PORT_OPEN;
    return error == ECONNREFUSED ? UPDRAFT_DOCTOR_PORT_CLOSED : UPDRAFT_DOCTOR_PORT_SILENT;
}
