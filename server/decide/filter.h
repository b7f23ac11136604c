/* Which devices a rollout is for, as an operator writes it: terms, all of which must hold.
 *
 *   group=garage version<1.2 tag!=lab name~"wall box*"
 *
 * A term is KEY OP VALUE. A value with blanks stands in double quotes. An empty filter takes every
 * device. Pure; the parsed filter is a plain value and keeps no pointer.
 *
 *   keys  id name version chip board group tag attr.NAME
 *   =  !=             the same, or not; a device has any number of tags: one of them, or none
 *   ~  !~             a pattern: * any characters, ? one character
 *   <  <=  >  >=      version and attr.NAME only, compared as versions (format/version.h); nothing that
 *                     is not told is ever below or above anything
 *
 * id and chip do not care for capitals. */
#ifndef UPDRAFT_SERVER_DECIDE_FILTER_H
#define UPDRAFT_SERVER_DECIDE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#define UPDRAFT_FILTER_TEXT_CAP  256u
#define UPDRAFT_FILTER_TERMS     12u
#define UPDRAFT_FILTER_VALUE_CAP 64u
#define UPDRAFT_FILTER_NAME_CAP  33u /* of an attribute */

enum updraft_filter_key {
    UPDRAFT_FILTER_ID,
    UPDRAFT_FILTER_NAME,
    UPDRAFT_FILTER_VERSION,
    UPDRAFT_FILTER_CHIP,
    UPDRAFT_FILTER_BOARD,
    UPDRAFT_FILTER_GROUP,
    UPDRAFT_FILTER_TAG,
    UPDRAFT_FILTER_ATTRIBUTE,
};

enum updraft_filter_op {
    UPDRAFT_FILTER_EQUAL,
    UPDRAFT_FILTER_UNEQUAL,
    UPDRAFT_FILTER_LIKE,
    UPDRAFT_FILTER_UNLIKE,
    UPDRAFT_FILTER_BELOW,
    UPDRAFT_FILTER_AT_MOST,
    UPDRAFT_FILTER_ABOVE,
    UPDRAFT_FILTER_AT_LEAST,
};

struct updraft_filter_term {
    enum updraft_filter_key key;
    enum updraft_filter_op op;
    char name[UPDRAFT_FILTER_NAME_CAP]; /* of the attribute */
    char value[UPDRAFT_FILTER_VALUE_CAP];
};

struct updraft_filter {
    struct updraft_filter_term terms[UPDRAFT_FILTER_TERMS];
    size_t count;
};

/* What is wrong with the text, and where. */
struct updraft_filter_problem {
    size_t at; /* of the first byte that is wrong, from 0 */
    char text[160];
};

/* False: *problem says why, *filter is untouched. */
bool updraft_filter_parse(const char *text, struct updraft_filter *filter,
                          struct updraft_filter_problem *problem);

/* A device as the filter sees it; no NULL, "" what is not told. */
struct updraft_filter_facts {
    const char *id;
    const char *name;
    const char *version;
    const char *chip; /* slug */
    const char *board;
    const char *group;
    const char *tags;       /* "lab beta" */
    const char *attributes; /* "site=hall 3\nphase=2", a line each */
};

bool updraft_filter_matches(const struct updraft_filter *filter,
                            const struct updraft_filter_facts *facts);

#endif
