/* The remedy for a call back that does not come, on computers with one firewall, another or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/espota_call_back.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const folders[] = {"etc", "etc/ufw", "usr", "usr/bin", "usr/sbin", "run"};
static const char *const files[] = {"etc/ufw/ufw.conf", "usr/bin/firewall-cmd", "usr/sbin/iptables",
                                    "usr/sbin/nft", ".dockerenv"};

struct computer {
    char root[64];
    char path[128];
};

static const char *in(struct computer *computer, const char *name)
{
    snprintf(computer->path, sizeof computer->path, "%s/%s", computer->root, name);
    return computer->path;
}

static int setup(void **state)
{
    struct computer *computer = calloc(1, sizeof *computer);

    strcpy(computer->root, "/tmp/updraft-test-XXXXXX");
    assert_non_null(mkdtemp(computer->root));
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        assert_int_equal(mkdir(in(computer, folders[i]), 0700), 0);
    *state = computer;
    return 0;
}

static int teardown(void **state)
{
    struct computer *computer = *state;

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        (void)unlink(in(computer, files[i]));
    for (size_t i = sizeof folders / sizeof folders[0]; i > 0; i--)
        (void)rmdir(in(computer, folders[i - 1]));
    (void)rmdir(computer->root);
    free(computer);
    return 0;
}

static void add(struct computer *computer, const char *name, const char *content)
{
    FILE *file = fopen(in(computer, name), "w");

    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void expect(struct computer *computer, const char *device, const char *words)
{
    const struct updraft_call_back call_back = {
        .device = device, .local = "192.168.1.2", .port = 45678, .root = computer->root};
    char remedy[320];

    updraft_call_back_remedy(&call_back, remedy, sizeof remedy);
    assert_memory_equal(remedy, "Push again with --host-port 45678. ", 35);
    if (!strstr(remedy, words))
        fail_msg("'%s' is not in '%s'", words, remedy);
}

static void each_firewall_has_its_command(void **state)
{
    struct computer *computer = *state;

    expect(computer, "192.168.1.50", "Let TCP from 192.168.1.50 in there");
    add(computer, "usr/sbin/nft", "");
    expect(computer, "192.168.1.50",
           "sudo nft insert rule inet filter input ip saddr 192.168.1.50 tcp dport 45678 accept");
    expect(computer, "fd00::50", "input ip6 saddr fd00::50 tcp");
    add(computer, "usr/sbin/iptables", "");
    expect(computer, "192.168.1.50",
           "sudo iptables -I INPUT -p tcp -s 192.168.1.50 --dport 45678 -j ACCEPT");
    expect(computer, "fd00::50", "sudo ip6tables -I INPUT -p tcp -s fd00::50 ");
    add(computer, "usr/bin/firewall-cmd", "");
    expect(computer, "192.168.1.50", "sudo firewall-cmd --add-port=45678/tcp");
    add(computer, "etc/ufw/ufw.conf", "# settings\nENABLED=no\n");
    expect(computer, "192.168.1.50", "sudo firewall-cmd --add-port=45678/tcp");
    add(computer, "etc/ufw/ufw.conf", "# settings\nENABLED=yes\n");
    expect(computer, "192.168.1.50",
           "sudo ufw allow proto tcp from 192.168.1.50 to any port 45678");
}

static void a_container_publishes_the_port(void **state)
{
    struct computer *computer = *state;

    add(computer, "usr/sbin/iptables", "");
    add(computer, ".dockerenv", "");
    expect(computer, "192.168.1.50", "publish the port (-p 45678:45678)");
}

static void a_port_that_was_asked_for_is_not_suggested_again(void **state)
{
    struct computer *computer = *state;
    const struct updraft_call_back call_back = {.device = "192.168.1.50",
                                                .local = "192.168.1.2",
                                                .port = 45678,
                                                .is_fixed = true,
                                                .root = computer->root};
    char remedy[320];

    updraft_call_back_remedy(&call_back, remedy, sizeof remedy);
    assert_null(strstr(remedy, "--host-port"));
    assert_memory_equal(remedy, "Let TCP", 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_firewall_has_its_command, setup, teardown),
        cmocka_unit_test_setup_teardown(a_container_publishes_the_port, setup, teardown),
        cmocka_unit_test_setup_teardown(a_port_that_was_asked_for_is_not_suggested_again, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
