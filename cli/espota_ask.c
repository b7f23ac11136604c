#include "cli/espota_ask.h"

#include "cli/progress.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASK_AGAIN_MS 400u /* UDP loses datagrams */
#define EMPTY_MD5    "d41d8cd98f00b204e9800998ecf8427e"

static enum updraft_espota_says understand(const char *answer)
{
    if (!strncmp(answer, "AUTH", 4))
        return UPDRAFT_ESPOTA_SAYS_PASSWORD;
    /* A stock ESP32 says OK before it looks at the size, the others refuse the size. */
    if (!strncmp(answer, "OK", 2) || !strncmp(answer, "ERR", 3))
        return UPDRAFT_ESPOTA_SAYS_OPEN;
    return UPDRAFT_ESPOTA_SAYS_ODD;
}

/* A device that waits for a proof swallows the next invitation; this ends its wait. */
static void let_go(int fd)
{
    (void)send(fd, "0\n", 2, 0);
}

/* One datagram out, and what comes back until `until_ms`. True when that settles it. */
static bool ask_once(int fd, uint64_t until_ms, enum updraft_espota_says *says)
{
    /* Nobody is to connect to that port, and nobody does: the size is refused before. */
    static const char invitation[] = "0 9 0 " EMPTY_MD5 "\n";
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    char answer[200] = "";
    uint64_t now_ms = updraft_progress_now_ms();
    ssize_t len = send(fd, invitation, sizeof invitation - 1, 0);

    if (len < 0 && errno == ECONNREFUSED)
        *says = UPDRAFT_ESPOTA_SAYS_CLOSED;
    if (len < 0)
        return errno == ECONNREFUSED;
    if (now_ms >= until_ms || poll(&polled, 1, (int)(until_ms - now_ms)) <= 0)
        return false;
    len = recv(fd, answer, sizeof answer - 1, 0);
    if (len < 0) {
        *says = errno == ECONNREFUSED ? UPDRAFT_ESPOTA_SAYS_CLOSED : UPDRAFT_ESPOTA_SAYS_NOTHING;
        return errno == ECONNREFUSED;
    }
    *says = understand(answer);
    if (*says == UPDRAFT_ESPOTA_SAYS_PASSWORD)
        let_go(fd);
    return true;
}

enum updraft_espota_says updraft_espota_ask(struct in_addr address, uint16_t port,
                                            uint32_t timeout_ms)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address};
    uint64_t deadline_ms = updraft_progress_now_ms() + timeout_ms;
    enum updraft_espota_says says = UPDRAFT_ESPOTA_SAYS_NOTHING;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_settled = false;

    if (fd < 0)
        return says;
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0) {
        for (uint64_t now_ms; !is_settled && (now_ms = updraft_progress_now_ms()) < deadline_ms;) {
            uint64_t until_ms = now_ms + ASK_AGAIN_MS;

            is_settled = ask_once(fd, until_ms < deadline_ms ? until_ms : deadline_ms, &says);
        }
    }
    close(fd);
    return says;
}
