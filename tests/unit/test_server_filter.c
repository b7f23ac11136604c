#include "server/decide/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct updraft_filter_facts device = {.id = "24:6F:28:00:00:1A",
                                                   .name = "wall box 3",
                                                   .version = "1.10.2",
                                                   .chip = "esp32s3",
                                                   .board = "evse-2",
                                                   .group = "garage",
                                                   .tags = "lab beta-2",
                                                   .attributes = "site=hall 3\nphase=3\nempty=\n"};
static const struct updraft_filter_facts blank = {"", "", "", "", "", "", "", ""};

static bool matches(const char *text, const struct updraft_filter_facts *facts)
{
    struct updraft_filter_problem problem;
    struct updraft_filter filter;

    if (!updraft_filter_parse(text, &filter, &problem))
        fail_msg("'%s' is refused at %zu: %s", text, problem.at, problem.text);
    return updraft_filter_matches(&filter, facts);
}

static void filter_takes_the_devices_it_names(void **state)
{
    static const struct {
        const char *text;
        bool device;
        bool blank; /* a device that told nothing */
    } cases[] = {
        {"", true, true},
        {"   ", true, true},
        {"id=24:6f:28:00:00:1a", true, false},
        {"id~24:6f:28:*", true, false},
        {"id!=24:6F:28:00:00:1B", true, true},
        {"name=\"wall box 3\"", true, false},
        {"name=\"WALL BOX 3\"", false, false},
        {"name~\"wall box ?\"", true, false},
        {"name~\"wall box ??\"", false, false},
        {"name~wall*", true, false},
        {"name~*3", true, false},
        {"name~*b*b*", false, false},
        {"name~*l*b*3*", true, false},
        {"name~*", true, true},
        {"name=\"\"", false, true},
        {"name!=\"\"", true, false},
        {"name~\"\"", false, true},
        {"name!~*box*", false, true},
        {"chip=esp32s3", true, false},
        {"chip=ESP32-S3", true, false},
        {"chip~esp32*", true, false},
        {"chip!=esp8266", true, true},
        {"board=evse-2", true, false},
        {"board~evse-*", true, false},
        {"group=garage", true, false},
        {"group!=garage", false, true},
        {"tag=lab", true, false},
        {"tag=beta-2", true, false},
        {"tag=beta", false, false},
        {"tag~beta*", true, false},
        {"tag!=lab", false, true},
        {"tag!=beta", true, true},
        {"tag!~b*", false, true},
        {"tag=\"lab beta-2\"", false, false},
        {"version=1.10.2", true, false},
        {"version~1.10.*", true, false},
        {"version<1.9", false, false},
        {"version<1.11", true, false},
        {"version<=1.10.2", true, false},
        {"version<1.10.2", false, false},
        {"version>1.9", true, false},
        {"version>=1.10.3", false, false},
        {"version>1.10.2-rc.1", true, false},
        {"version!=1.10.2", false, true},
        {"attr.site=\"hall 3\"", true, false},
        {"attr.site~hall*", true, false},
        {"attr.phase=3", true, false},
        {"attr.phase>=3", true, false},
        {"attr.phase<10", true, false},
        {"attr.phase>3", false, false},
        {"attr.empty=\"\"", true, true},
        {"attr.empty<1", false, false},
        {"attr.sit=\"hall 3\"", false, false},
        {"attr.hall=3", false, false},
        {"attr.none=\"\"", true, true},
        {"group=garage tag=lab version<2", true, false},
        {"group=garage tag=lab version<1", false, false},
        {"  group=garage   tag!=old ", true, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (matches(cases[i].text, &device) != cases[i].device ||
            matches(cases[i].text, &blank) != cases[i].blank)
            fail_msg("'%s'", cases[i].text);
    }
}

static void filter_says_what_is_wrong_and_where(void **state)
{
    static const struct {
        const char *text;
        size_t at;
        const char *part;
    } cases[] = {
        {"colour=red", 0, "begins with id"},
        {"group=a  =b", 9, "begins with id"},
        {"attr.=b", 5, "name of an attribute"},
        {"attr.a23456789012345678901234567890123=b", 5, "1 to 32"},
        {"idx=3", 0, "begins with id"},
        {"group", 5, "one of ="},
        {"group =a", 5, "one of ="},
        {"group=", 6, "value is missing"},
        {"group= a", 6, "value is missing"},
        {"group<a", 5, "only version and attr.NAME can be compared with <"},
        {"tag>=a", 3, "compared with >="},
        {"name=\"wall", 5, "closing"},
        {"name=wall\"box\"", 9, "around a whole value"},
        {"name=\"a\"b", 8, "blank is missing"},
        {"group=a\tgroup=b", 7, "control characters"},
        {"name=0123456789012345678901234567890123456789012345678901234567890123", 5, "63 bytes"},
        {"tag=1 tag=2 tag=3 tag=4 tag=5 tag=6 tag=7 tag=8 tag=9 tag=10 tag=11 tag=12 tag=13", 75,
         "12 terms"},
    };
    struct updraft_filter before, filter;
    struct updraft_filter_problem problem;

    (void)state;
    memset(&before, 0x5a, sizeof before);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        filter = before;
        if (updraft_filter_parse(cases[i].text, &filter, &problem))
            fail_msg("'%s' is taken", cases[i].text);
        if (problem.at != cases[i].at || strstr(problem.text, cases[i].part) == NULL)
            fail_msg("'%s': at %zu: %s", cases[i].text, problem.at, problem.text);
        assert_memory_equal(&filter, &before, sizeof before);
    }
}

static void filter_takes_texts_up_to_its_limit(void **state)
{
    struct updraft_filter_problem problem;
    struct updraft_filter filter;
    char text[UPDRAFT_FILTER_TEXT_CAP + 1];

    (void)state;
    memset(text, ' ', sizeof text);
    text[UPDRAFT_FILTER_TEXT_CAP - 1] = '\0';
    assert_true(updraft_filter_parse(text, &filter, &problem));
    text[UPDRAFT_FILTER_TEXT_CAP - 1] = ' ';
    text[UPDRAFT_FILTER_TEXT_CAP] = '\0';
    assert_false(updraft_filter_parse(text, &filter, &problem));
    assert_int_equal(problem.at, UPDRAFT_FILTER_TEXT_CAP - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter_takes_the_devices_it_names),
        cmocka_unit_test(filter_says_what_is_wrong_and_where),
        cmocka_unit_test(filter_takes_texts_up_to_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
