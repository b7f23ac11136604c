#include "cli/version.h"

#include <stdbool.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_end(char c)
{
    return c == '\0' || c == '+';
}

/* The end of the part that is numbers and points. */
static bool ends_base(char c)
{
    return is_end(c) || c == '-';
}

static const char *skip_v(const char *text)
{
    return (*text == 'v' || *text == 'V') && is_digit(text[1]) ? text + 1 : text;
}

/* Two runs of digits, of any length; moves both behind them. */
static int compare_numbers(const char **a, const char **b)
{
    size_t a_len;
    size_t b_len;
    int order;

    *a += strspn(*a, "0");
    *b += strspn(*b, "0");
    a_len = strspn(*a, "0123456789");
    b_len = strspn(*b, "0123456789");
    order = a_len == b_len ? memcmp(*a, *b, a_len) : a_len < b_len ? -1 : 1;
    *a += a_len;
    *b += b_len;
    return order;
}

/* Up to where `ends` says; moves both there, or to the first difference. */
static int compare_part(const char **a, const char **b, bool (*ends)(char))
{
    while (!ends(**a) && !ends(**b)) {
        int order = 0;

        if (is_digit(**a) && is_digit(**b))
            order = compare_numbers(a, b);
        else if (**a != **b)
            order = (unsigned char)**a < (unsigned char)**b ? -1 : 1;
        else
            (*a)++, (*b)++;
        if (order)
            return order;
    }
    return 0;
}

/* ".0.0" adds nothing to a version. */
static const char *skip_zeros(const char *text)
{
    const char *at = text;

    while (*at == '.' || *at == '0')
        at++;
    return ends_base(*at) ? at : text;
}

int updraft_version_compare(const char *a, const char *b)
{
    int order;

    a = skip_v(a);
    b = skip_v(b);
    order = compare_part(&a, &b, ends_base);
    if (order)
        return order;
    a = *a == '.' ? skip_zeros(a) : a;
    b = *b == '.' ? skip_zeros(b) : b;
    if (!ends_base(*a) || !ends_base(*b))
        return ends_base(*a) ? -1 : 1;
    /* Without a suffix it is the later one. */
    if (is_end(*a) || is_end(*b))
        return is_end(*a) - is_end(*b);
    order = compare_part(&a, &b, is_end);
    if (order)
        return order;
    return is_end(*a) == is_end(*b) ? 0 : is_end(*a) ? -1 : 1;
}
