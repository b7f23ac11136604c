/* How a command says no: an exit code, a stable short name, one sentence as a chain of causes, and
 * a remedy.
 *
 * Owns: the documented exit codes and the wording of chains ("cannot publish 1.4: manifest: digest
 * has 63 digits"). Does not own: printing. Memory: the caller's struct, no pointers inside. */
#ifndef UPDRAFT_CLI_FAIL_H
#define UPDRAFT_CLI_FAIL_H

#include "format/error.h"

/* Documented in `updraft help exit-codes`; never renumbered. */
enum updraft_exit {
    UPDRAFT_EXIT_OK = 0,
    UPDRAFT_EXIT_FAILED = 1,  /* it was tried and did not succeed */
    UPDRAFT_EXIT_USAGE = 2,   /* the command line is wrong */
    UPDRAFT_EXIT_INPUT = 3,   /* an input file is missing or not what it should be */
    UPDRAFT_EXIT_NETWORK = 4, /* no connection, or it broke off */
    UPDRAFT_EXIT_REFUSED = 5, /* the device or the server said no, with a reason */
    UPDRAFT_EXIT_AUTH = 6,    /* wrong password or token */
};

struct updraft_fail {
    char code[40]; /* for programs: a name of `updraft errors`, or one of the tool's own */
    char message[768];
    char remedy[320];
};

/* Fill a failure and return `exit`, so that a caller can `return updraft_fail_set(...)`. */
__attribute__((format(printf, 5, 6))) enum updraft_exit
updraft_fail_set(struct updraft_fail *fail, enum updraft_exit exit, const char *code,
                 const char *remedy, const char *format, ...);

/* The same from a stable error code: its sentence and its remedy. */
enum updraft_exit updraft_fail_from(struct updraft_fail *fail, enum updraft_exit exit,
                                    const struct updraft_failure *failure);
enum updraft_exit updraft_fail_code(struct updraft_fail *fail, enum updraft_exit exit,
                                    enum updraft_error code);

/* Puts "<format>: " in front of the message; returns `exit` unchanged. */
__attribute__((format(printf, 3, 4))) enum updraft_exit
updraft_fail_wrap(struct updraft_fail *fail, enum updraft_exit exit, const char *format, ...);

#endif
