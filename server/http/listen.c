#include "server/http/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG             1024
#define CONNECTIONS_AT_MOST 16384u
#define RESERVED_FILES      64u
/* Unsent bytes a connection may have in the kernel: a slow download costs 77 kB, not 1.7 MB. */
#define NOTSENT_LOWAT 65536

static struct addrinfo *parse(const char *where)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    const char *colon = strrchr(where, ':');
    struct addrinfo *found = NULL;
    char host[64];

    if (colon == NULL || colon[1] == '\0' || (size_t)(colon - where) >= sizeof host)
        return NULL;
    size_t len = (size_t)(colon - where);
    if (len >= 2 && where[0] == '[' && where[len - 1] == ']') {
        where++;
        len -= 2;
    }
    memcpy(host, where, len);
    host[len] = '\0';
    return getaddrinfo(len == 0 ? NULL : host, colon + 1, &hints, &found) == 0 ? found : NULL;
}

static bool describe(int fd, char *url, size_t url_cap)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    char host[64], port[8];

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
        getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    snprintf(url, url_cap, address.ss_family == AF_INET6 ? "http://[%s]:%s" : "http://%s:%s", host,
             port);
    return true;
}

int updraft_listen_open(const char *where, char *url, size_t url_cap,
                        struct updraft_listen_problem *problem)
{
    struct addrinfo *address = parse(where);
    const int on = 1, lowat = NOTSENT_LOWAT;

    if (address == NULL) {
        snprintf(problem->text, sizeof problem->text, "'%.100s' is not an address and a port",
                 where);
        problem->remedy = "Give --listen ADDR:PORT, for example 127.0.0.1:8080 or [::]:8080.";
        return -1;
    }
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
              setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof lowat) == 0 &&
              bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0 &&
              describe(fd, url, url_cap);
    int error = errno;
    freeaddrinfo(address);
    if (ok)
        return fd;
    if (fd >= 0)
        close(fd);
    snprintf(problem->text, sizeof problem->text, "cannot listen on %.100s: %s", where,
             strerror(error));
    problem->remedy =
        error == EADDRINUSE ? "Another program has that port: stop it, or choose another port."
        : error == EACCES   ? "Ports below 1024 need privileges: choose a higher one."
                            : "Give an address of this machine, or 0.0.0.0 for all of them.";
    return -1;
}

/* A connection may hold a second file while it downloads or uploads; the database, and what is not
 * thought of, has a share of its own. */
unsigned updraft_listen_connections_most(void)
{
    struct rlimit files = {.rlim_cur = 1024};

    getrlimit(RLIMIT_NOFILE, &files);
    rlim_t reserved = files.rlim_cur / 3 < RESERVED_FILES ? files.rlim_cur / 3 : RESERVED_FILES;
    rlim_t limit = (files.rlim_cur - reserved) / 2;
    return limit < CONNECTIONS_AT_MOST ? (unsigned)limit : CONNECTIONS_AT_MOST;
}
