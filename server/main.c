#include "server/care/care.h"
#include "server/http/http.h"
#include "server/http/listen.h"
#include "server/store/postgres.h"
#include "updraft_version.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { EXIT_OK = 0, EXIT_CANNOT_START = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "updraftd: serves firmware to a fleet of ESP devices and keeps book of what they run\n"
    "\n"
    "  updraftd --data DIR [--database URL] [--artifacts DIR] [--listen ADDR:PORT]\n"
    "           [--base-url URL] [--front ADDR [--x-accel PREFIX]] [--log text|json]\n"
    "\n"
    "  --data DIR           where everything is kept; created when it is absent\n"
    "  --database URL       keep the fleet in PostgreSQL, postgresql://USER@HOST/NAME, instead of\n"
    "                       a file in DIR; several servers with the same one serve one fleet\n"
    "  --artifacts DIR      where the images are (default: DIR/artifacts); servers that share a\n"
    "                       database share this directory, too\n"
    "  --listen ADDR:PORT   address to listen on (default 127.0.0.1:8080). Port 0 takes any\n"
    "                       free one; 0.0.0.0 or [::] listens on all addresses\n"
    "  --base-url URL       how devices reach this server, for the addresses of images in\n"
    "                       channel descriptors (default: the host the device asked)\n"
    "  --front ADDR         address of a proxy that is believed: X-Real-IP is who asks, and\n"
    "                       X-Updraft-Device-Certified whose certificate it was; see\n"
    "                       docs/OPERATING.md\n"
    "  --x-accel PREFIX     it sends the images itself: nginx's internal location for them\n"
    "  --log text|json      a line on stderr for each request of an operator and each that was\n"
    "                       refused; json: everything on stderr as JSON, an object a line\n"
    "  --help, --version\n"
    "\n"
    "Once it runs, it prints its address. The first start makes a token, the key to everything\n"
    "but what devices ask, and prints the dashboard's address with it; it stays in DIR/token.\n"
    "\n"
    "First steps:\n"
    "  updraftd --data ./fleet --listen 0.0.0.0:8080\n"
    "  updraft publish firmware.bin --channel stable     puts an image on a channel\n"
    "\n"
    "  updraftd backup --data DIR --to COPY               a copy, also while it runs\n"
    "  updraftd restore --from COPY --data DIR            and back\n"
    "  updraftd verify --data DIR [--database URL]        is everything whole?\n"
    "\n"
    "Where devices ask:\n"
    "  /d/channel/PRODUCT/CHANNEL/CHIP.json   channel descriptor, as esp32-evse reads it\n"
    "  /d/esp-update/PRODUCT?channel=NAME     ESPhttpUpdate and HTTPUpdate of the Arduino cores\n"
    "  /d/manifest/PRODUCT/CHANNEL/manifest.json   update manifest of ESPHome\n"
    "  /d/ddi, tenant PRODUCT                 hawkBit's interface, for SWUpdate and RAUC\n"
    "  /d/image/SHA256                        an image, with ranges\n"
    "\n"
    "SIGTERM or SIGINT ends it cleanly. Exit codes: 0 ended, 1 cannot start\n"
    "or go on, 2 wrong usage.\n";

struct options {
    const char *listen;
    const char *front;
    const char *x_accel;
    struct updraft_server_options server;
};

static int refuse_usage(const char *what)
{
    fprintf(stderr, "updraftd: %s\nTry 'updraftd --help'.\n", what);
    return EXIT_USAGE;
}

/* Gives -1 to go on, or the exit code. */
static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {{"data", required_argument, NULL, 'd'},
                                          {"listen", required_argument, NULL, 'l'},
                                          {"base-url", required_argument, NULL, 'b'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'v'},
                                          {"database", required_argument, NULL, 's'},
                                          {"artifacts", required_argument, NULL, 'a'},
                                          {"log", required_argument, NULL, 'o'},
                                          {"front", required_argument, NULL, 'f'},
                                          {"x-accel", required_argument, NULL, 'x'},
                                          {NULL, 0, NULL, 0}};
    int option;

    *options = (struct options){"127.0.0.1:8080", "", "", {NULL, "", "", "", UPDRAFT_LOG_EVENTS}};
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'd':
            options->server.data_dir = optarg;
            break;
        case 's':
            options->server.database = optarg;
            break;
        case 'a':
            options->server.artifacts_dir = optarg;
            break;
        case 'l':
            options->listen = optarg;
            break;
        case 'b':
            options->server.base_url = optarg;
            break;
        case 'f':
            options->front = optarg;
            break;
        case 'x':
            options->x_accel = optarg;
            break;
        case 'o':
            if (strcmp(optarg, "text") != 0 && strcmp(optarg, "json") != 0)
                return refuse_usage("--log is text or json");
            options->server.log_form = optarg[0] == 'j' ? UPDRAFT_LOG_JSON : UPDRAFT_LOG_TEXT;
            break;
        case 'h':
            fputs(usage, stdout);
            return EXIT_OK;
        case 'v':
            puts("updraftd " UPDRAFT_VERSION);
            return EXIT_OK;
        default: /* getopt has said what is wrong */
            fputs("Try 'updraftd --help'.\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc)
        return refuse_usage("unexpected argument; everything is given by options");
    if (options->server.data_dir == NULL || options->server.data_dir[0] == '\0')
        return refuse_usage("--data DIR is needed");
    if (options->server.database[0] != '\0' && !updraft_postgres_named(options->server.database))
        return refuse_usage("--database must begin with postgresql://");
    if (options->server.base_url[0] != '\0' &&
        strncmp(options->server.base_url, "http://", 7) != 0 &&
        strncmp(options->server.base_url, "https://", 8) != 0)
        return refuse_usage("--base-url must begin with http:// or https://");
    return -1;
}

static int refuse_start(const char *text, const char *remedy)
{
    fprintf(stderr, "updraftd: %s\n%s\n", text, remedy);
    return EXIT_CANNOT_START;
}

static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max < 65536 ? files.rlim_max : 65536;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* All threads inherit the mask, so the signals come to wait_for_end() and nowhere else. */
static void block_signals(sigset_t *ending)
{
    sigemptyset(ending);
    sigaddset(ending, SIGTERM);
    sigaddset(ending, SIGINT);
    sigprocmask(SIG_BLOCK, ending, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a full disk is an error of write(), not the end */
}

static void wait_for_end(const sigset_t *ending, struct updraft_http *http,
                         struct updraft_server *server)
{
    const struct timespec second = {.tv_sec = 1};

    while (!updraft_server_hopeless(server) && sigtimedwait(ending, NULL, &second) < 0)
        updraft_http_sweep(http);
}

static void say_hello(const struct updraft_server *server, const char *url, const char *data_dir)
{
    printf("listening on %s\n", url);
    if (server->token_is_new)
        printf("dashboard: %s/#token=%s\n", url, server->token);
    else if (server->token[0] == '\0')
        printf("dashboard: %s/ (the token is with the server that shares the database)\n", url);
    else
        printf("dashboard: %s/ (the token is in %s/token)\n", url, data_dir);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct updraft_server_problem problem;
    struct updraft_listen_problem listen_problem;
    struct updraft_server server;
    struct updraft_http http;
    struct updraft_front front;
    struct options options;
    sigset_t ending;
    char url[128];

    if (updraft_care_named(argc, argv))
        return updraft_care_main(argc, argv);
    int code = parse_options(argc, argv, &options);
    if (code >= 0)
        return code;
    if (!updraft_front_init(&front, options.front, options.x_accel))
        return refuse_usage("--front is an address without port, and --x-accel, which needs it, a "
                            "path without a slash at its end");
    block_signals(&ending);
    raise_file_limit();
    int listen_fd = updraft_listen_open(options.listen, url, sizeof url, &listen_problem);
    if (listen_fd < 0)
        return refuse_start(listen_problem.text, listen_problem.remedy);
    if (!updraft_server_open(&server, &options.server, &problem))
        return refuse_start(problem.text, problem.remedy);
    if (!updraft_http_start(&http, &server, &front, listen_fd)) {
        updraft_server_stop(&server);
        updraft_server_close(&server);
        return refuse_start("the HTTP library cannot start", "Look at the limits of this process.");
    }
    say_hello(&server, url, options.server.data_dir);
    if (options.server.log_form != UPDRAFT_LOG_EVENTS)
        updraft_log_event(&server.log, UPDRAFT_LOG_INFO, "started", "updraftd %s answers at %s",
                          UPDRAFT_VERSION, url);
    wait_for_end(&ending, &http, &server);
    bool hopeless = updraft_server_hopeless(&server);
    updraft_http_quiesce(&http);
    updraft_server_stop(&server);
    updraft_http_stop(&http);
    updraft_server_close(&server);
    return hopeless ? EXIT_CANNOT_START : EXIT_OK;
}
