#include "server/care/care.h"
#include "server/http/http.h"
#include "server/http/listen.h"
#include "server/options.h"
#include "updraft_version.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

static int refuse_start(const char *text, const char *remedy)
{
    fprintf(stderr, "updraftd: %s\n%s\n", text, remedy);
    return UPDRAFT_EXIT_CANNOT_START;
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

static int serve(const struct updraft_options *options)
{
    struct updraft_server_problem problem;
    struct updraft_listen_problem listen_problem;
    struct updraft_server server;
    struct updraft_http http;
    sigset_t ending;
    char url[128];

    block_signals(&ending);
    raise_file_limit();
    int listen_fd = updraft_listen_open(options->listen, url, sizeof url, &listen_problem);
    if (listen_fd < 0)
        return refuse_start(listen_problem.text, listen_problem.remedy);
    if (!updraft_server_open(&server, &options->server, &problem))
        return refuse_start(problem.text, problem.remedy);
    if (!updraft_http_start(&http, &server, &options->front, listen_fd)) {
        updraft_server_stop(&server);
        updraft_server_close(&server);
        return refuse_start("the HTTP library cannot start", "Look at the limits of this process.");
    }
    say_hello(&server, url, options->server.data_dir);
    if (options->server.log_form != UPDRAFT_LOG_EVENTS)
        updraft_log_event(&server.log, UPDRAFT_LOG_INFO, "started", "updraftd %s answers at %s",
                          UPDRAFT_VERSION, url);
    wait_for_end(&ending, &http, &server);
    bool hopeless = updraft_server_hopeless(&server);
    updraft_http_quiesce(&http);
    updraft_server_stop(&server);
    updraft_http_stop(&http);
    updraft_server_close(&server);
    return hopeless ? UPDRAFT_EXIT_CANNOT_START : UPDRAFT_EXIT_ENDED;
}

int main(int argc, char **argv)
{
    struct updraft_options options;

    if (updraft_care_named(argc, argv))
        return updraft_care_main(argc, argv);
    int code = updraft_options_take(&options, argc, argv);
    if (code >= 0)
        return code;
    code = serve(&options);
    updraft_options_free(&options);
    return code;
}
