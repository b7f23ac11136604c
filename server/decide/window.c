#include "server/decide/window.h"

#include <string.h>

#define MINUTE_MS 60000
#define DAY_MS    ((int64_t)UPDRAFT_WINDOW_MINUTES * MINUTE_MS)

bool updraft_window_valid(const struct updraft_window *window)
{
    return window->from_min < UPDRAFT_WINDOW_MINUTES && window->to_min < UPDRAFT_WINDOW_MINUTES;
}

bool updraft_window_is_open(const struct updraft_window *window, int64_t now_ms)
{
    const int minute = (int)(now_ms % DAY_MS / MINUTE_MS);

    if (window->from_min == window->to_min)
        return true;
    if (window->from_min < window->to_min)
        return minute >= window->from_min && minute < window->to_min;
    return minute >= window->from_min || minute < window->to_min;
}

int64_t updraft_window_opens_ms(const struct updraft_window *window, int64_t now_ms)
{
    const int64_t opens_ms =
        now_ms - now_ms % DAY_MS + (int64_t)window->from_min * (int64_t)MINUTE_MS;

    if (updraft_window_is_open(window, now_ms))
        return now_ms;
    return opens_ms > now_ms ? opens_ms : opens_ms + DAY_MS;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool updraft_window_parse_time(const char *text, uint16_t *minute)
{
    if (strlen(text) != 5 || !is_digit(text[0]) || !is_digit(text[1]) || text[2] != ':' ||
        !is_digit(text[3]) || !is_digit(text[4]))
        return false;
    const int hours = (text[0] - '0') * 10 + (text[1] - '0');
    const int minutes = (text[3] - '0') * 10 + (text[4] - '0');
    if (hours > 23 || minutes > 59)
        return false;
    *minute = (uint16_t)(hours * 60 + minutes);
    return true;
}

void updraft_window_format_time(uint16_t minute, char text[UPDRAFT_WINDOW_TIME_CAP])
{
    text[0] = (char)('0' + minute / 600);
    text[1] = (char)('0' + minute / 60 % 10);
    text[2] = ':';
    text[3] = (char)('0' + minute % 60 / 10);
    text[4] = (char)('0' + minute % 10);
    text[5] = '\0';
}
