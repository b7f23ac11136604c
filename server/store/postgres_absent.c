#include "server/store/postgres.h"

#include <stdio.h>

enum updraft_store_result updraft_postgres_open(const char *url, struct updraft_store *store,
                                                struct updraft_store_problem *problem)
{
    (void)url;
    (void)store;
    snprintf(problem->text, sizeof problem->text,
             "this updraftd was built without PostgreSQL's library (libpq)");
    return UPDRAFT_STORE_AWAY;
}

enum updraft_store_result updraft_postgres_open_as_is(const char *url, struct updraft_store *store,
                                                      struct updraft_store_problem *problem)
{
    return updraft_postgres_open(url, store, problem);
}
