#include "cli/espota_call_back.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_CAP 256

static bool exists(const struct updraft_call_back *call_back, const char *path)
{
    char full[PATH_CAP];

    snprintf(full, sizeof full, "%s%s", call_back->root, path);
    return access(full, F_OK) == 0;
}

static bool file_says(const struct updraft_call_back *call_back, const char *path, const char *line)
{
    char full[PATH_CAP];
    char read[PATH_CAP];
    bool found = false;

    snprintf(full, sizeof full, "%s%s", call_back->root, path);
    FILE *file = fopen(full, "r");
    if (!file)
        return false;
    while (!found && fgets(read, sizeof read, file))
        found = strncmp(read, line, strlen(line)) == 0;
    fclose(file);
    return found;
}

/* The command for the firewall that is here; false when none is known to be. The programs are on many
 * computers on which they guard nothing, so those that say that they are in use go first. */
static bool write_command(const struct updraft_call_back *call_back, char *out, size_t out_cap)
{
    bool is_v6 = strchr(call_back->device, ':') != NULL;

    if (file_says(call_back, "/etc/ufw/ufw.conf", "ENABLED=yes"))
        snprintf(out, out_cap, "sudo ufw allow proto tcp from %s to any port %u", call_back->device,
                 call_back->port);
    else if (exists(call_back, "/run/firewalld") || exists(call_back, "/usr/bin/firewall-cmd"))
        snprintf(out, out_cap, "sudo firewall-cmd --add-port=%u/tcp", call_back->port);
    else if (exists(call_back, "/usr/sbin/iptables"))
        snprintf(out, out_cap, "sudo %s -I INPUT -p tcp -s %s --dport %u -j ACCEPT",
                 is_v6 ? "ip6tables" : "iptables", call_back->device, call_back->port);
    else if (exists(call_back, "/usr/sbin/nft"))
        snprintf(out, out_cap,
                 "sudo nft insert rule inet filter input %s saddr %s tcp dport %u accept",
                 is_v6 ? "ip6" : "ip", call_back->device, call_back->port);
    else
        return false;
    return true;
}

void updraft_call_back_remedy(const struct updraft_call_back *call_back, char *out, size_t out_cap)
{
    char command[160];
    const char *fix = call_back->is_fixed ? "" : "Push again with --host-port";
    char port[24] = "";

    if (!call_back->is_fixed)
        snprintf(port, sizeof port, " %u. ", call_back->port);
    if (exists(call_back, "/.dockerenv") || exists(call_back, "/run/.containerenv"))
        snprintf(out, out_cap,
                 "%s%sThis is a container: publish the port (-p %u:%u), or run it with the host's "
                 "network.",
                 fix, port, call_back->port, call_back->port);
    else if (write_command(call_back, command, sizeof command))
        snprintf(out, out_cap, "%s%sA firewall may be shut; this opens the port: %s", fix, port,
                 command);
    else
        snprintf(out, out_cap,
                 "%s%sLet TCP from %s in there, in the firewall of this computer and of any router "
                 "between; through NAT it cannot work.",
                 fix, port, call_back->device);
}
