#include "server/store/postgres.h"

#include <string.h>

bool updraft_postgres_named(const char *url)
{
    return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}
