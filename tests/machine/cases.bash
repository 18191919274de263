# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What is tried on the machine: every function case_..., in the order in which it stands here. Each says why it failed
# and returns something else than 0. They build on one another: installed, used, upgraded, booted again, purged.
# shellcheck disable=SC2154,SC2016,SC2015
cases() {
    grep -oE '^case_[a-z0-9_]+' "$here/cases.bash" | if [ -c /dev/fuse ]; then cat; else
        say 'there is no /dev/fuse: what is tried with a dead mount is left out'
        grep -v dead_mount
    fi
}

service=ceymail-metrics.service
conf=/etc/ceymail-metrics/ceymail-metrics.conf

# shellcheck disable=SC1091
source "$here/journal.bash"

complain() { printf '%s\n' "$*"; return 1; }

# --- how it is scraped -------------------------------------------------------------------------------------------

# Each scrape comes from another address of 127.0.0.0/8, so that the limiter lets all pass.
another_address() {
    local number=$(($(cat "$work/scrapes" 2>/dev/null || echo 0) + 1))
    echo $number >"$work/scrapes"
    echo "127.7.$((number / 250)).$((number % 250 + 1))"
}

# Through nginx, or Apache with PORT=8443. ARGUMENTS for curl.
scrape() {
    local port=${PORT:-443}
    inside curl -sS --max-time 20 --cacert /etc/ssl/ceymail/cert.pem -H @/root/header \
        --interface "${ADDRESS:-$(another_address)}" --resolve "mail.example.test:$port:127.0.0.1" "$@" \
        "https://mail.example.test:$port/api/stats/metrics"
}

code() { scrape -o /dev/null -w '%{http_code}'; }

expect_code() {
    local got
    got=$(code)
    [ "$got" = "$1" ] || { scrape; complain "answered $got, not $1"; }
}

# LINE...: all of them in one scrape, within 10 s.
expect() {
    local text missing
    until_true 10 has_lines "$@" && return 0
    grep -F "${missing% *}" <<<"$text" || head -n 3 <<<"$text"
    complain "no line: $missing"
}
has_lines() {
    local line
    text=$(scrape)
    for line in "$@"; do grep -qxF "$line" <<<"$text" || { missing=$line; return 1; }; done
}

up() { printf 'ceymail_service_up{name="%s"} %s' "$1" "$2"; }

settled() { until_true 10 inside systemctl is-active --quiet "$service"; }

# COMMAND while scrapes come, each from another address of 127.OCTET.0.0/16; all must be answered 200.
under_load() {
    local octet=$1 load lost
    shift
    inside rm -f /run/load-is-over
    # Ends by itself after 10,000. With 255 xargs starts no more.
    # shellcheck disable=SC2016
    inside sh -c 'seq 10000 | xargs -P 4 -I{} sh -c "[ ! -e /run/load-is-over ] || exit 255; \
        curl -s -o /dev/null --max-time 20 -w \"%{http_code}\n\" \
        --cacert /etc/ssl/ceymail/cert.pem -H @/root/header \
        --interface 127.$0.\$(({} / 250)).\$(({} % 250 + 1)) --resolve mail.example.test:443:127.0.0.1 \
        https://mail.example.test/api/stats/metrics"' "$octet" >"$work/codes" 2>/dev/null &
    load=$!
    sleep 0.5
    "$@" || complain "failed: $*" || { inside touch /run/load-is-over; return 1; }
    kill -0 $load 2>/dev/null || complain "the load was over before: $*" || return
    until_true 20 answered $(($(wc -l <"$work/codes") + 50)) || complain "no answers after: $*" || return
    inside touch /run/load-is-over
    wait $load
    lost=$(grep -vc '^200$' "$work/codes")
    [ "$lost" = 0 ] ||
        complain "of the scrapes: $(sort "$work/codes" | uniq -c | tr '\n' ';')"
}

answered() { [ "$(wc -l <"$work/codes")" -ge "$1" ]; }

# Uses up the twelve of an address.
spend() {
    local got
    got=$(for _ in $(seq 12); do ADDRESS=$1 code; echo; done | sort | uniq -c | tr -s ' ')
    [ "$got" = " 12 200" ] || complain "the first twelve were answered: $got"
}

# --- the README --------------------------------------------------------------------------------------------------

# LANGUAGE NUMBER [SECTION]: the block of that number in the README's section, by default Install.
readme_block() {
    awk -v fence="\`\`\`$1" -v number="$2" -v wanted="## ${3:-Install}" '
        /^## / { section = $0 }
        section != wanted { next }
        $0 == "```" { inside = 0 }
        inside && block == number { print }
        $0 == fence { inside = 1; block++ }' "$here/../../README.md"
}

# Its words, typed by an administrator in his home. This host has no CeyMail installer: its site is configured by hand.
follow() { inside bash -ec "cd /root; $(readme_block sh "$1" | grep -vx 'sudo ceymail-attach')"; }

# --- cases: installed --------------------------------------------------------------------------------------------

case_the_three_commands_of_the_readme() {
    inside mariadb -e 'CREATE DATABASE ceymail'
    follow 1 >"$work/words" 2>&1 || { cat "$work/words"; return 1; }
    grep -q 'virtual_users: is not there yet' "$work/words" || complain "init does not say that tables are missing" || return
    grep -oE '^ceymail_metrics_[A-Za-z0-9_-]{43}$' "$work/words" | sed 's/^/Authorization: Bearer /' |
        inside sh -c 'umask 077; cat >/root/header'
    inside test -s /root/header || { cat "$work/words"; return 1; }
}

case_the_line_for_nginx() {
    readme_block nginx 1 | inside sh -c 'cat >/root/line; sed -i "/server_name/r /root/line" /etc/nginx/sites-enabled/ceymail'
    follow 2
}

case_the_commands_for_apache() { follow 3; }

case_it_runs_and_starts_at_boot() {
    inside systemctl is-active "$service" ceymail-metrics.socket && inside systemctl is-enabled "$service" ceymail-metrics.socket
}

case_scrapes_over_https_before_the_mail_tables_are_there() {
    expect "$(up postfix 1)" 'ceymail_database_up 1' 'ceymail_collector_success{collector="accounts"} 0' \
        'ceymail_collector_success{collector="queue"} 1'
}

case_counts_accounts_when_the_mail_tables_have_come() {
    inside mariadb -e 'DROP DATABASE ceymail' && sample mail && inside ceymail-token init &&
        expect 'ceymail_domains_total 3' 'ceymail_mailboxes_total 12' 'ceymail_aliases_total 7'
}

case_all_collectors_succeed_and_all_services_are_up() {
    local lines=() name
    for name in cpu memory disk queue services accounts certificates backups; do lines+=("ceymail_collector_success{collector=\"$name\"} 1"); done
    for name in postfix dovecot opendkim mariadb unbound spamassassin nginx apache rsyslog fail2ban; do lines+=("$(up "$name" 1)"); done
    expect "${lines[@]}"
}

# In the sandbox, by the configurations that Debian's packages and this host have.
end_of() { inside date -d "$(inside openssl x509 -noout -enddate -in "$1" | cut -d = -f 2)" +%s; }
case_the_certificates_of_all_servers_end_as_openssl_says() {
    local lines=() name ours snakeoil
    ours=$(end_of /etc/ssl/certs/ceymail.pem) snakeoil=$(end_of /etc/ssl/certs/ssl-cert-snakeoil.pem) || return
    for name in nginx apache; do lines+=("ceymail_certificate_not_after_timestamp_seconds{name=\"$name\"} $ours"); done
    for name in postfix dovecot; do lines+=("ceymail_certificate_not_after_timestamp_seconds{name=\"$name\"} $snakeoil"); done
    expect "${lines[@]}"
}

# By whatever command: certbot and administrators have several.
certificate_time() { scrape | sed -n "s/^ceymail_certificate_$1_timestamp_seconds{name=\"$2\"} //p"; }
is_loaded() { [ "$(certificate_time loaded "$1")" -ge "$(certificate_time modified "$1")" ]; }
is_behind() { ! is_loaded "$1"; }
case_a_new_certificate_is_in_use_after_a_reload() {
    local name command
    while read -r name command <&4; do
        sleep 1 # a file system stamps, and the metrics tell, whole seconds
        inside touch /etc/ssl/certs/ssl-cert-snakeoil.pem /etc/ssl/certs/ceymail.pem
        until_true 10 is_behind "$name" || complain "$name: in use before: $command" || return
        sleep 1
        inside sh -c "$command" 2>/dev/null
        until_true 10 is_loaded "$name" || complain "$name: not in use after: $command" || return
    done 4<<END
dovecot systemctl reload dovecot
dovecot doveadm reload
dovecot pkill -HUP -o -x dovecot
dovecot systemctl restart dovecot
apache systemctl reload apache2
apache apache2ctl graceful
END
    [ -z "$(certificate_time loaded nginx)$(certificate_time loaded postfix)" ] || complain "nginx or Postfix is judged"
}

case_the_newest_backup_is_told() {
    scrape | grep ceymail_backup && return 1
    script 'mkdir -p /var/backups/ceymail && cd /var/backups/ceymail
            head -c 4321 /dev/zero >ceymail-backup-20260101-000000-config.tar.gz; touch -d "1 hour ago" *.gz
            head -c 99 /dev/zero >ceymail-backup-20260102-000000-config.tar.gz; chmod 600 *'
    # The directory is read once a minute.
    until_true 70 has_lines 'ceymail_backup_last_bytes 4321' || complain "no backup is told: $missing"
}

case_scrapes_through_apache() { PORT=8443 expect "$(up apache 1)"; }

case_refuses_without_a_token() {
    local got
    got=$(inside curl -sk -o /dev/null -w '%{http_code}' https://127.0.0.1/api/stats/metrics -H 'Host: mail.example.test')
    [ "$got" = 401 ] || complain "answered $got"
}

case_the_disk_is_the_one_that_df_shows() {
    local total used scraped
    read -r total used < <(inside df -B1 --output=size,used / | tail -n 1)
    scraped=$(scrape) || return
    grep -qx "ceymail_disk_total_bytes $total" <<<"$scraped" || complain "df: $total; $(grep disk_total <<<"$scraped")" || return
    # The host's disk is written to all the time.
    awk -v used="$used" '/^ceymail_disk_used_bytes/ { off = $2 - used; exit !(off < 5e8 && off > -5e8) }' <<<"$scraped" ||
        complain "df: $used; $(grep disk_used <<<"$scraped")"
}

case_check_finds_nothing_to_mend() { inside ceymail-metrics --check; }

case_manual_pages_and_completions_are_there() {
    script 'for page in man8/ceymail-metrics.8 man8/ceymail-token.8 man5/ceymail-metrics.conf.5; do
                ls /usr/share/man/$page.gz >/dev/null; done
            bash -n /usr/share/bash-completion/completions/ceymail-token; test -s /usr/share/zsh/vendor-completions/_ceymail-token'
}

# --- cases: confined ---------------------------------------------------------------------------------------------

# UNIT MOST: systemd before 250 has neither a threshold nor an offline analysis.
exposure_is_at_most() {
    local exposure
    exposure=$(inside systemd-analyze security --no-pager "$1" | grep -oP 'Overall exposure level for .*: \K[0-9.]+') ||
        complain "systemd-analyze gives no exposure" || return
    awk -v exposure="$exposure" -v most="$2" 'BEGIN { exit !(exposure <= most) }' || complain "the exposure is $exposure"
}
# As it runs, and as the file has it.
exposure_is_at_most_0_8() {
    exposure_is_at_most "$1" 0.8 || return
    systemd_is_before 250 || inside systemd-analyze security --no-pager --threshold=8 --offline=true "/lib/systemd/system/$1"
}
systemd_is_before() { [ "$(inside systemctl --version | awk 'NR == 1 { print $2 }')" -lt "$1" ]; }

case_the_exposure_is_at_most_0_8() {
    exposure_is_at_most_0_8 "$service"
}

case_only_the_gatherer_holds_a_capability() {
    local pid held got
    for pid in $(inside cat "/sys/fs/cgroup/systemd/system.slice/$service/cgroup.procs" 2>/dev/null ||
        inside cat "/sys/fs/cgroup/system.slice/$service/cgroup.procs"); do
        held=$(inside awk '/^CapEff/ { print $2 }' "/proc/$pid/status")
        got+="$(inside cat "/proc/$pid/comm") $held"$'\n'
    done
    grep -q '^ceymail-gather 0000000000000004$' <<<"$got" && ! grep '^ceymail-journal' <<<"$got" | grep -qv ' 0000000000000004$' &&
        ! grep -E '^ceymail-(worker|reader)' <<<"$got" | grep -qv ' 0000000000000000$' ||
        complain "$got"
}

case_the_roles_are_confined_by_landlock() {
    inside journalctl --no-pager -b -u "$service" | grep -i landlock && complain "Landlock is not in use" && return 1
    return 0
}

# strace follows the machine's systemd from here. The policy is asked about each operation: the kernel needs no AppArmor.
case_the_profile_of_apparmor_allows_what_the_service_does() {
    local leader tracer result=0
    leader=$(cat "$leader_file")
    strace -f -y -qq -s 256 --pidns-translation -o "$work/trace" -p "$leader" 2>"$work/strace" &
    tracer=$!
    until_true 10 grep -qx "TracerPid:.$tracer" "/proc/$leader/status" || result=1
    inside systemctl restart "$service" && expect "$(up postfix 1)" 'ceymail_collector_success{collector="mail_log"} 1' \
        'ceymail_collector_success{collector="certificates"} 1' 'ceymail_collector_success{collector="accounts"} 1' || result=1
    kill $tracer
    wait $tracer
    [ $result = 0 ] || { cat "$work/strace"; return 1; }
    "$here/../apparmor/operations.py" /usr/libexec/ceymail-metrics "$work/trace" "/proc/$leader/root" >"$work/operations" &&
        grep -qx 'rw /run/systemd/notify' "$work/operations" && grep -qx 'rw /run/dbus/system_bus_socket' "$work/operations" ||
        complain "not traced: $(cat "$work/operations")" || return
    "$here/../apparmor/judge.py" "$here/../../deploy/apparmor/ceymail-metrics" <"$work/operations"
}

# The others read what it wrote.
case_a_probe_in_the_same_unit_can_do_what_the_service_does() {
    rm -f "$work/probe.out"
    inside sh -c 'cat >/usr/libexec/ceymail-probe; chmod 755 /usr/libexec/ceymail-probe' <"$work/probe"
    script '
        rm -f /run/probe.out
        mkdir -p /run/systemd/system/ceymail-metrics.service.d
        cat >/run/systemd/system/ceymail-metrics.service.d/probe.conf <<END
[Service]
Type=oneshot
Restart=no
ExecStart=
ExecStart=/usr/libexec/ceymail-probe
BindReadOnlyPaths=/usr/libexec/ceymail-probe
ExecPaths=+/usr/libexec/ceymail-probe
StandardOutput=file:/run/probe.out
END
        systemctl daemon-reload
        systemctl stop ceymail-metrics.socket ceymail-metrics.service
        timeout 30 systemctl start ceymail-metrics.service || journalctl -n 5 --no-pager -u ceymail-metrics
        rm -r /run/systemd/system/ceymail-metrics.service.d
        systemctl daemon-reload
        systemctl restart ceymail-metrics.socket ceymail-metrics.service' || return
    inside cat /run/probe.out >"$work/probe.out"
    for part in directory settings queue token; do
        grep -qx "DONE own_$part" "$work/probe.out" || { cat "$work/probe.out"; return 1; }
    done
}

refused() { grep "refused $1 (" "$work/probe.out" || { grep -B1 " $1" "$work/probe.out"; complain "not refused: $1"; }; }
case_the_probe_cannot_read_etc_shadow() { refused shadow; }
case_the_probe_cannot_read_the_keys_of_the_host() { refused root_keys; }
case_the_probe_cannot_write_outside_of_its_directory() { refused write_elsewhere; }
case_the_probe_cannot_execute_a_program() { refused exec; }
# NoExecPaths= is younger than systemd 247; --check says that it is missing.
case_the_probe_cannot_execute_what_it_wrote() {
    if systemd_is_before 248; then grep -x 'DONE exec_own_copy' "$work/probe.out"; else refused exec_own_copy; fi
}
case_the_probe_cannot_map_memory_to_write_and_execute() { refused exec_from_memory; }
case_the_probe_cannot_trace() { refused ptrace; }
case_the_probe_cannot_read_the_memory_of_others() { refused memory_of_others; }
case_the_probe_cannot_open_an_internet_socket() { refused inet_socket; }
case_the_probe_cannot_open_a_netlink_socket() { refused netlink_socket; }
case_the_probe_cannot_become_root() { refused become_root; }
case_the_probe_cannot_mount() { refused mount; }
case_the_probe_cannot_read_the_kernel_log() { refused kernel_log; }
case_the_probe_cannot_use_bpf_or_perf() { refused bpf; }
case_the_probe_cannot_mint_a_token() { refused mint_token; }
case_the_probe_cannot_change_a_token() { refused change_token; }
case_the_probe_cannot_revive_a_token() { refused revive_token; }
case_the_probe_cannot_lock_a_token_by_writing() { refused hide_the_last_use; }
case_the_probe_cannot_read_passwords() { refused read_mail_passwords; }
case_the_probe_cannot_read_the_audit_log() { refused read_audit_log; }

# --- cases: the settings page ------------------------------------------------------------------------------------

# As its administrator. ARGUMENTS for curl.
settings_page() {
    inside curl -sS --max-time 20 --cacert /etc/ssl/ceymail/cert.pem -u admin:of-tests --interface "$(another_address)" \
        --resolve mail.example.test:443:127.0.0.1 "$@"
}

case_the_settings_page_is_off_until_it_is_wanted() {
    inside systemctl is-active ceymail-settings.socket ceymail-settings.service && complain "it runs" && return 1
    inside systemctl is-enabled ceymail-settings.socket && complain "it is enabled" && return 1
    return 0
}

has_form() { page=$(settings_page "$1") && grep -q 'name="seal"' <<<"$page"; }

case_the_settings_page_makes_the_token_that_scrapes() {
    local url=https://mail.example.test/settings/security/prometheus-metrics seal page
    script 'ceymail-token init --settings
        printf "admin:%s\n" "$(openssl passwd -apr1 of-tests)" >/etc/nginx/ceymail-settings.htpasswd
        sed -i "/server_name/a include snippets/ceymail-settings*.conf;" /etc/nginx/sites-enabled/ceymail
        systemctl enable --now ceymail-settings.socket
        systemctl reload nginx' || return
    # A reload of nginx is over a little after systemctl says so.
    until_true 10 has_form "$url?confirm=generate" || complain "no form: $page" || return
    seal=$(grep -oP 'name="seal" value="\K[^"]+' <<<"$page")
    settings_page -c /root/cookies -o /dev/null --data "action=generate&seal=$seal" "$url"
    page=$(settings_page -b /root/cookies "$url")
    grep -oP 'value="\Kceymail_metrics_[\w-]{43}' <<<"$page" | sed 's/^/Authorization: Bearer /' |
        inside sh -c 'umask 077; cat >/root/header'
    inside test -s /root/header || complain "no token: $page" || return
    grep -q 'could not be told' <<<"$page" && complain "it cannot reach the metrics responder" && return 1
    expect_code 200
}

case_the_settings_page_tells_how_the_collectors_fare() {
    local page
    page=$(settings_page https://mail.example.test/settings/security/prometheus-metrics)
    grep -q '<strong>Mail queue</strong><span class="badge on">Working' <<<"$page" || complain "$page"
}

case_the_exposure_of_the_settings_page_is_at_most_0_8() {
    exposure_is_at_most_0_8 ceymail-settings.service
}

# A socket as PHP-FPM makes it, where it is hidden and where it is not; MariaDB's, so that a refusal tells something.
case_the_settings_page_reaches_no_socket_of_the_web_servers_group() {
    local got path
    inside sh -c 'cat >/usr/libexec/ceymail-probe; chmod 755 /usr/libexec/ceymail-probe' <"$work/probe"
    script '
        for path in /run/php/php8.2-fpm.sock /run/elsewhere/fpm.sock; do
            systemd-run --quiet --unit="fpm-$(basename $(dirname $path))" --socket-property=ListenStream=$path \
                --socket-property=SocketUser=www-data --socket-property=SocketGroup=www-data \
                --socket-property=SocketMode=0660 /bin/sleep 60
        done
        mkdir -p /run/systemd/system/ceymail-settings.service.d
        cat >/run/systemd/system/ceymail-settings.service.d/probe.conf <<END
[Service]
Type=oneshot
Restart=no
ExecStart=
ExecStart=/usr/libexec/ceymail-probe connect /run/php/php8.2-fpm.sock /run/elsewhere/fpm.sock \
    /run/ceymail-metrics/ceymail-metrics.sock \
    /run/dbus/system_bus_socket /run/mysqld/mysqld.sock
BindReadOnlyPaths=/usr/libexec/ceymail-probe
ExecPaths=+/usr/libexec/ceymail-probe
StandardOutput=file:/run/settings-probe.out
END
        systemctl daemon-reload
        systemctl stop ceymail-settings.socket ceymail-settings.service
        timeout 30 systemctl start ceymail-settings.service || journalctl -n 5 --no-pager -u ceymail-settings
        rm -r /run/systemd/system/ceymail-settings.service.d /usr/libexec/ceymail-probe
        systemctl daemon-reload
        systemctl stop fpm-php.socket fpm-elsewhere.socket
        systemctl start ceymail-settings.socket' || return
    got=$(inside cat /run/settings-probe.out)
    grep -qx 'DONE /run/mysqld/mysqld.sock' <<<"$got" || complain "$got" || return
    for path in /run/php/php8.2-fpm.sock /run/elsewhere/fpm.sock /run/ceymail-metrics/ceymail-metrics.sock /run/dbus/system_bus_socket; do
        grep -q "^refused $path (Permission denied)" <<<"$got" || complain "$path: $got" || return
    done
}

# A session as the dashboard signs it. ID NAME ROLE SECRET
session_cookie() {
    local claims
    claims=$(printf '{"userId":%s,"username":"%s","role":"%s","exp":%s}' "$1" "$2" "$3" $((($(date +%s) + 3600) * 1000)) |
        base64 -w 0 | tr '+/' '-_' | tr -d =)
    printf 'mc-session=%s.%s' "$claims" "$(printf %s "$claims" | openssl dgst -sha256 -hmac "$4" -r | cut -d ' ' -f 1)"
}

answered_to_session() { # CODE COOKIE
    local got
    got=$(settings_page -o /dev/null -w '%{http_code}' -b "$2" https://mail.example.test/settings/security/prometheus-metrics)
    [ "$got" = "$1" ] || { complain "it was answered $got instead of $1"; return 1; }
}

# By the words of ceymail-settings(8). The secret is passed as a credential, and a new one is taken without a hand.
case_the_settings_page_signs_in_by_the_dashboards_session() {
    local first second url=https://mail.example.test/settings/security/prometheus-metrics failed=0
    first=$(printf 'a%.0s' {1..64}) second=$(printf 'b%.0s' {1..64})
    script "install -d -m 700 /var/lib/ceymail-mc
        (umask 077; printf 'DB_PASSWORD=x\nSESSION_SECRET=%s\n' $first >/var/lib/ceymail-mc/.env.local)
        cp $conf /root/conf.before-session
        echo settings_session_secret = /var/lib/ceymail-mc/.env.local >>$conf
        ceymail-token init --settings
        sed -i 's#snippets/ceymail-settings\*#snippets/ceymail-session-settings*#' /etc/nginx/sites-enabled/ceymail
        systemctl daemon-reload
        systemctl restart ceymail-settings.service
        nginx -t
        systemctl reload nginx" || return
    signs_in "$first" "$second" || failed=1
    script "mv /root/conf.before-session $conf
        rm -r /var/lib/ceymail-mc
        sed -i 's#snippets/ceymail-session-settings#snippets/ceymail-settings#' /etc/nginx/sites-enabled/ceymail
        systemctl daemon-reload
        systemctl stop ceymail-session-secret.path
        systemctl restart ceymail-settings.service
        systemctl reload nginx" || return
    return $failed
}

signs_in() { # SECRET NEXT
    local pid shown
    until_true 10 answered_to_session 200 "$(session_cookie 1 amal admin "$1")" >/dev/null ||
        complain "amal: $(settings_page -b "$(session_cookie 1 amal admin "$1")" "$url")" || return
    answered_to_session 401 'other=1' || return
    answered_to_session 401 "$(session_cookie 1 amal admin "$2")" || return
    answered_to_session 403 "$(session_cookie 3 vihanga viewer "$1")" || return
    # It sees its own credential and no other, and not the file.
    pid=$(inside systemctl show -P MainPID ceymail-settings.service)
    shown=$(inside ls "/proc/$pid/root/run/credentials" "/proc/$pid/root/run/credentials/ceymail-settings.service")
    [ "$(tail -n 1 <<<"$shown")" = dashboard-session ] || complain "$shown" || return
    [ "$(sed -n 2p <<<"$shown")" = ceymail-settings.service ] || complain "$shown" || return
    inside test ! -e "/proc/$pid/root/var/lib/ceymail-mc" || complain "it sees the dashboard's files" || return
    inside grep -zq DB_PASSWORD "/proc/$pid/environ" && complain "it is in the environment" && return 1
    # Another secret, and none.
    script "printf 'SESSION_SECRET=%s\n' $2 >/var/lib/ceymail-mc/.env.local"
    until_true 20 answered_to_session 200 "$(session_cookie 1 amal admin "$2")" >/dev/null ||
        complain "the new secret is not taken: $(inside systemctl status --no-pager ceymail-session-secret.path)" || return
    answered_to_session 401 "$(session_cookie 1 amal admin "$1")" || return
    script 'rm /var/lib/ceymail-mc/.env.local; systemctl restart ceymail-settings.service' || return
    shown=$(settings_page -b "$(session_cookie 1 amal admin "$2")" "$url")
    grep -q 'has no line SESSION_SECRET=' <<<"$shown" || complain "without the file: $shown" || return
    # It comes back by a rename, as editors write.
    script "printf 'SESSION_SECRET=%s\n' $1 >/var/lib/ceymail-mc/new; mv /var/lib/ceymail-mc/new /var/lib/ceymail-mc/.env.local"
    until_true 20 answered_to_session 200 "$(session_cookie 1 amal admin "$1")" >/dev/null ||
        complain "the file that came back is not taken: $(inside journalctl -n 10 --no-pager -u ceymail-settings -u ceymail-session-secret.path)"
}

# A process of the web server's group reaches the page's socket, and is not believed.
case_the_settings_page_serves_no_other_process_of_the_web_servers_group() {
    script 'for file in nginx apache; do
                test "$(stat -c "%U %a" /etc/ceymail-metrics/gateway-secret.$file.conf)" = "root 600"
            done
            test "$(stat -c "%U %a" /etc/ceymail-metrics/gateway-secret)" = "ceymail-settings 600"
            ! setpriv --reuid www-data --regid www-data --clear-groups cat /etc/ceymail-metrics/gateway-secret.nginx.conf' || return
    # What nginx does without the secret is all that such a process can do.
    script 'sed -i "s/gateway-secret.nginx.con/none.con/" /etc/nginx/snippets/ceymail-settings.conf; systemctl restart nginx'
    local page
    page=$(settings_page https://mail.example.test/settings/security/prometheus-metrics)
    script 'sed -i "s/none.con/gateway-secret.nginx.con/" /etc/nginx/snippets/ceymail-settings.conf; systemctl restart nginx'
    grep -q 'did not come through the web server' <<<"$page" || complain "$page" || return
    page=$(settings_page https://mail.example.test/settings/security/prometheus-metrics)
    grep -q 'Signed in as' <<<"$page" || complain "$page"
}

# --- cases: in use -----------------------------------------------------------------------------------------------

# Without a cache, what follows need not wait for it.
case_a_changed_configuration_counts_after_a_restart() {
    script "printf 'cache_ttl = 0\nwork_budget_percent = 0\n' >>$conf; systemctl restart $service" && expect "$(up postfix 1)"
}

case_without_rsyslog_mail_is_counted_from_the_journal() { count_from_the_journal; }
case_without_rsyslog_check_tells_that_the_journal_is_read() { check_tells_of_the_journal; }

# Debian 12's postfix.service is an empty shell that stays active; from Debian 13 on it is Postfix itself.
case_a_killed_postfix_is_down_though_systemctl_may_say_active() {
    script 'kill -9 $(cat /var/spool/postfix/pid/master.pid)'
    expect "$(up postfix 0)" || return
    if [ "$(inside systemctl show -P Type postfix)" = oneshot ]; then
        [ "$(inside systemctl is-active postfix)" = active ] || complain "systemctl knows it too" || return
    fi
    inside systemctl restart postfix && expect "$(up postfix 1)"
}

# NAME UNIT
stopped_and_started() {
    local units
    read -ra units <<<"$2"
    inside systemctl stop "${units[@]}" && expect "$(up "$1" 0)" && inside systemctl start "${units[@]}" && expect "$(up "$1" 1)"
}
case_tells_when_postfix_is_stopped() { stopped_and_started postfix postfix; }
case_tells_when_dovecot_is_stopped() { stopped_and_started dovecot dovecot; }
case_tells_when_opendkim_is_stopped() { stopped_and_started opendkim opendkim; }
case_tells_when_unbound_is_stopped() { stopped_and_started unbound unbound; }
# The unit is called spamassassin before SpamAssassin 4.
spamd_unit() { if inside systemctl cat spamd >/dev/null 2>&1; then echo spamd.service; else echo spamassassin.service; fi; }
case_tells_when_spamd_is_stopped() { stopped_and_started spamassassin "$(spamd_unit)"; }
case_tells_when_rsyslog_is_stopped() { stopped_and_started rsyslog 'rsyslog.service syslog.socket'; }
case_tells_when_fail2ban_is_stopped() { stopped_and_started fail2ban fail2ban; }
case_tells_when_apache_is_stopped() { stopped_and_started apache apache2; }
case_tells_through_apache_when_nginx_is_stopped() { PORT=8443 stopped_and_started nginx nginx; }

# NAME: as scraped, in microseconds.
start_of() { scrape | grep -F "ceymail_service_start_time_seconds{name=\"$1\"} " | awk '{ printf "%.0f\n", $2 * 1e6 }'; }
# UNIT: by systemd, of the main process or, without one, of the unit.
start_by_systemd() {
    inside bash -c 'path=$(busctl -j call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
                        org.freedesktop.systemd1.Manager GetUnit s "$0" | grep -oP "/org/[^\"]*")
                    get() { busctl get-property org.freedesktop.systemd1 "$path" "org.freedesktop.systemd1.$1" "$2"; }
                    main=$(get Service ExecMainStartTimestamp)
                    [ "$main" != "t 0" ] || main=$(get Unit ActiveEnterTimestamp)
                    echo "${main#t }"' "$1"
}
same_start() { told=$(start_of "$1") wanted=$(start_by_systemd "$2") && [ -n "$told" ] && [ "$told" = "$wanted" ]; }
# The unit of Postfix with the process: on Debian 12 the instance, which has no main process for systemd.
postfix_unit() { [ "$(inside systemctl show -P Type postfix)" = oneshot ] && echo postfix@-.service || echo postfix.service; }
case_tells_when_each_service_was_started() {
    local name unit
    while read -r name unit; do
        same_start "$name" "$unit" || complain "$name: $told, by systemd $wanted" || return
    done <<<"postfix $(postfix_unit)
        dovecot dovecot.service
        mariadb mariadb.service
        spamassassin $(spamd_unit)
        nginx nginx.service
        apache apache2.service
        rsyslog rsyslog.service
        fail2ban fail2ban.service"
    # In the sandbox too a pidfd spares the calls of the next gathering: of all but Postfix.
    inside sh -c 'ls -l /proc/$(pgrep -x ceymail-gather)/fd' | grep -c pidfd >"$work/pidfds"
    [ "$(cat "$work/pidfds")" -ge 7 ] || complain "the gatherer keeps $(cat "$work/pidfds") pidfds"
}
# As Self-Heal does it: before the next scrape.
case_a_quick_restart_changes_the_start_though_the_service_is_up() {
    local name unit before after
    for name in postfix dovecot; do
        unit=$name.service
        [ $name = dovecot ] || unit=$(postfix_unit)
        before=$(start_of $name)
        if [ $name = postfix ]; then script 'kill -9 $(cat /var/spool/postfix/pid/master.pid)'; else
            inside systemctl kill --kill-who=main --signal=KILL dovecot; fi
        inside systemctl restart $name && until_true 5 inside systemctl is-active --quiet "$unit"
        same_start "$name" "$unit" && after=$told && [ "$after" -gt "$before" ] && has_lines "$(up $name 1)" ||
            complain "$name: $before, then $told, by systemd $wanted" || return
    done
}
sleeping_unit() { printf 'printf "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n" >/etc/systemd/system/%s\n' "$1"; }
case_units_that_match_a_pattern_and_those_of_the_configuration_are_reported() {
    local sleepers='php8.2-fpm.service php8.3-fpm.service ceymail-ai-guard.service ceymail-dashboard.service redis-server.service'
    local unit result=0
    for unit in $sleepers; do script "$(sleeping_unit "$unit")"; done
    script "systemctl daemon-reload; systemctl start $sleepers; systemctl enable php8.3-fpm ceymail-ai-guard
            $(set_key 'service = redis redis.service redis-server.service redis-server')"
    expect "$(up php-fpm 1)" "$(up ceymail-ai-filter 1)" "$(up ceymail-dashboard 1)" "$(up redis 1)" &&
        same_start php-fpm php8.3-fpm.service && same_start redis redis-server.service &&
        inside systemctl stop php8.2-fpm && expect "$(up php-fpm 1)" &&
        inside systemctl enable php8.2-fpm && expect "$(up php-fpm 0)" &&
        inside systemctl stop redis-server ceymail-ai-guard && expect "$(up redis 0)" "$(up ceymail-ai-filter 0)" || result=1
    script "systemctl disable --now $sleepers; cd /etc/systemd/system; rm $sleepers; $unset_key" && settled &&
        ! scrape | grep -e php-fpm -e redis -e ai-filter -e dashboard && return $result
}

is_reloading() { [ "$(inside systemctl show -P ActiveState "$1")" = reloading ]; }
case_a_service_that_takes_long_to_reload_is_up() {
    local result=0
    script 'mkdir -p /run/systemd/system/apache2.service.d
            printf "[Service]\nExecReload=\nExecReload=/bin/sleep 5\n" >/run/systemd/system/apache2.service.d/slow.conf
            systemctl daemon-reload; systemctl --no-block reload apache2'
    until_true 5 is_reloading apache2 && has_lines "$(up apache 1)" && is_reloading apache2 || result=1
    script 'rm -r /run/systemd/system/apache2.service.d; systemctl daemon-reload; systemctl restart apache2'
    [ $result = 0 ] || complain "missing: $missing; or it does not reload"
}

# As postmulti(1) and the README.Debian of the suite have it: from Debian 13 on an instance is enabled by systemctl.
case_of_several_postfix_instances_all_must_run_and_their_queues_are_summed() {
    local result=0
    script "postmulti -e init; postmulti -I postfix-out -G mta -e create; postmulti -i postfix-out -e enable
            $(set_key 'queue_directory = /var/spool/postfix')
            printf 'queue_directory = /var/spool/postfix-out\n' >>$conf
            systemctl daemon-reload" || return
    local unit=postfix@out.service
    if inside test -x /lib/systemd/system-generators/postfix-instance-generator; then
        unit=postfix@postfix-out.service
    else
        inside systemctl enable "$unit"
    fi
    script "systemctl start $unit; systemctl restart $service" && expect "$(up postfix 1)" &&
        inside systemctl stop "$unit" && expect "$(up postfix 0)" &&
        inside systemctl start "$unit" && expect "$(up postfix 1)" &&
        script "rm -rf /var/spool/postfix/deferred/?; $(queue_of /var/spool/postfix 2); $(queue_of /var/spool/postfix-out 3)" &&
        expect_deferred 5 || result=1
    script "rm -rf /var/spool/postfix/deferred/? /var/spool/postfix-out/deferred/?
            systemctl disable --now $unit 2>/dev/null || systemctl stop $unit
            postmulti -i postfix-out -e disable; postmulti -i postfix-out -e destroy 2>/dev/null || true
            rm -rf /etc/postfix-out /var/spool/postfix-out /var/lib/postfix-out
            postconf -X multi_instance_enable multi_instance_wrapper multi_instance_directories
            systemctl daemon-reload; systemctl restart postfix; $unset_key" && expect "$(up postfix 1)" && return $result
}

case_tells_when_mariadb_is_stopped() {
    inside systemctl stop mariadb
    expect "$(up mariadb 0)" 'ceymail_database_up 0' 'ceymail_auth_stale 1' "$(up postfix 1)" || return
    inside systemctl start mariadb && expect "$(up mariadb 1)" 'ceymail_database_up 1' 'ceymail_mailboxes_total 12'
}

case_reaches_a_mariadb_whose_directory_was_made_again() {
    # Where no such file makes it, the unit does.
    script 'systemctl stop mariadb; rm -r /run/mysqld; mkdir /run/keep-the-inode
            ! test -e /usr/lib/tmpfiles.d/mariadb.conf || systemd-tmpfiles --create mariadb.conf
            systemctl start mariadb; rmdir /run/keep-the-inode'
    expect 'ceymail_database_up 1' 'ceymail_auth_stale 0' 'ceymail_mailboxes_total 12'
}

case_a_token_revoked_while_mariadb_is_down_stays_revoked() {
    script 'ceymail-token generate 2>/dev/null | sed "s/^/Authorization: Bearer /" >/root/header.new
            systemctl stop mariadb'
    expect_code 503 || { inside systemctl start mariadb; return 1; }
    script 'systemctl start mariadb; mv /root/header.new /root/header'
    expect 'ceymail_database_up 1'
}

restart_thrice() { for _ in 1 2 3; do inside systemctl restart "$service" || return; sleep 0.3; done; }
case_a_restart_under_load_loses_nothing() { under_load 20 restart_thrice; }

case_the_limiter_outlives_a_restart() {
    spend 127.30.0.1 && inside systemctl restart "$service" && ADDRESS=127.30.0.1 expect_code 429
}

kill_supervisor() { inside systemctl kill --kill-who=main --signal=KILL "$service"; }
case_a_killed_supervisor_under_load_is_replaced() {
    under_load 21 kill_supervisor >"$work/killed"
    # Whoever was being answered at that moment may be lost: two workers.
    [ "$(grep -vc '^200$' "$work/codes")" -le 2 ] || cat "$work/killed" || return
    settled && expect "$(up postfix 1)"
}

# --- cases: watched ----------------------------------------------------------------------------------------------

# Once a worker is stuck it is found within half of WatchdogSec=, and where all are, systemd waits for the whole of it.
short_watchdog() {
    script "mkdir -p /run/systemd/system/$service.d
            printf '[Service]\nWatchdogSec=4\n' >/run/systemd/system/$service.d/watchdog.conf
            systemctl daemon-reload; systemctl restart $service"
}
workers() { inside pgrep -x ceymail-worker; }
# The service is ready a moment before they bear their name.
both_workers() { mapfile -t pids < <(workers); [ ${#pids[@]} = 2 ]; }
main_pid() { inside systemctl show -P MainPID "$service"; }
# Not `grep -q`, which ends before journalctl has written all, and that would then count as failed.
log_has() { inside journalctl --no-pager -u "$service" | grep -F "$1" >/dev/null; }
gone() { ! inside test -e "/proc/$1"; }
is_restarted() { local now; now=$(main_pid); [ "$now" != "$1" ] && [ "$now" != 0 ]; }

case_a_worker_that_is_stuck_is_replaced_alone() {
    short_watchdog || return
    local main stuck other pids
    main=$(main_pid)
    until_true 5 both_workers || complain "workers: ${pids[*]}" || return
    stuck=${pids[0]} other=${pids[1]}
    inside kill -STOP "$stuck"
    until_true 10 gone "$stuck" || complain "it is still there" || return
    [ "$(main_pid)" = "$main" ] || complain "the whole service was restarted" || return
    inside test -e "/proc/$other" || complain "the other one went too" || return
    until_true 5 log_has "worker $stuck was stuck" || complain "the log does not tell" || return
    expect "$(up postfix 1)"
}

case_systemd_restarts_it_when_all_workers_are_stuck() {
    local main pids
    main=$(main_pid)
    until_true 5 both_workers || complain "workers: ${pids[*]}" || return
    inside kill -STOP "${pids[@]}"
    until_true 20 is_restarted "$main" || complain "it was not restarted" || return
    until_true 5 log_has 'Watchdog timeout' || complain "but not by the watchdog" || return
    expect "$(up postfix 1)"
    local result=$?
    script "rm -r /run/systemd/system/$service.d; systemctl daemon-reload; systemctl restart $service"
    return $result
}

# The kernel kills by SIGKILL where memory is short; what systemd does about it is up to OOMPolicy=.
case_a_worker_that_is_killed_for_memory_is_replaced_alone() {
    local main pids killed
    [ "$(inside systemctl show -P OOMPolicy "$service")" = continue ] || complain "systemd would end the whole service" || return
    main=$(main_pid)
    until_true 5 both_workers || complain "workers: ${pids[*]}" || return
    killed=${pids[0]}
    inside kill -KILL "$killed"
    until_true 5 gone "$killed" && until_true 5 both_workers || complain "it is not replaced" || return
    [ "$(main_pid)" = "$main" ] || complain "the whole service was restarted" || return
    expect "$(up postfix 1)"
}

# MariaDB and the gatherer hang: the answer takes its full 5 s, and systemd waits for it.
case_the_longest_request_is_answered_before_the_end() {
    local got client database gatherer
    database=$(inside systemctl show -P MainPID mariadb)
    gatherer=$(inside pgrep -x ceymail-gather)
    expect_code 200 && inside kill -STOP "$database" "$gatherer" || return
    code >"$work/code" &
    client=$!
    sleep 0.5
    inside systemctl --no-block restart "$service"
    wait $client
    inside sh -c "kill -CONT $database; kill -CONT $gatherer"
    got=$(cat "$work/code")
    [ "$got" = 200 ] || complain "it was answered $got" || return
    settled && expect 'ceymail_database_up 1'
}

case_a_postfix_that_comes_later_is_seen() {
    local before after
    before=$(inside systemctl show -P MainPID "$service")
    script 'dpkg-trigger --no-await --by-package=postfix /usr/sbin/postqueue; dpkg --configure --pending' || return
    after=$(inside systemctl show -P MainPID "$service")
    [ "$before" != "$after" ] || complain "the service was not restarted" || return
    expect "$(up postfix 1)"
}

# --- cases: how the service logs in ------------------------------------------------------------------------------

# ADDRESS LINE...: MariaDB over TCP by the documented drop-in and those lines of the configuration; init is yet to come.
over_tcp() {
    local address=$1
    shift
    script "
        cp $conf /root/conf.before
        printf '%s\n' 'database_host = $address' 'database_option_file = /etc/ceymail-metrics/database.cnf' ${*@Q} >>$conf
        mariadb -e \"CREATE USER boss@'%' IDENTIFIED BY 'a long word'; GRANT ALL ON *.* TO boss@'%' WITH GRANT OPTION\"
        printf '[client]\npassword=a long word\n' >/root/boss.cnf; chmod 600 /root/boss.cnf
        mkdir -p /etc/systemd/system/ceymail-metrics.service.d
        sed 's/^IPAddressAllow=.*/IPAddressAllow=$address/' /usr/share/doc/ceymail-metrics/examples/systemd/tcp-mariadb.conf \
            >/etc/systemd/system/ceymail-metrics.service.d/tcp-mariadb.conf
        systemctl daemon-reload"
}
init_over_tcp() { inside ceymail-token init --database-user boss --database-option-file /root/boss.cnf >"$work/words" 2>&1; }
scrapes_over_tcp() {
    inside systemctl restart "$service" && expect 'ceymail_database_up 1' 'ceymail_auth_stale 0' 'ceymail_mailboxes_total 12'
}
by_socket_again() {
    script "rm -r /etc/systemd/system/ceymail-metrics.service.d; cp /root/conf.before $conf; systemctl daemon-reload
            rm -f /etc/ceymail-metrics/database.cnf
            mariadb -e \"DROP USER IF EXISTS boss@'%', 'ceymail-metrics'@'%'\"; ceymail-token init; systemctl restart $service"
}
# WORDS: what init says and fails.
init_refuses() {
    init_over_tcp && complain "init is content: $(cat "$work/words")" && return 1
    grep -qF "$1" "$work/words" || complain "init says: $(cat "$work/words")"
}
follow_in_mariadb() { inside mariadb -e "$(grep -oP 'run in MariaDB: \K[^;]*' "$work/words")"; }

case_mariadb_over_tcp_by_the_documented_drop_in() {
    over_tcp 127.0.0.1 && inside mariadb -e "DROP USER 'ceymail-metrics'@localhost" && init_over_tcp && scrapes_over_tcp
    local result=$?
    by_socket_again && return $result
}

# The account over the socket was there first, and MariaDB prefers it.
case_init_names_the_account_that_mariadb_chooses_instead() {
    local result=0
    over_tcp 127.0.0.1 && init_refuses "MariaDB chooses account 'ceymail-metrics'@'localhost' (unix_socket) instead" &&
        follow_in_mariadb && init_over_tcp && scrapes_over_tcp || result=1
    by_socket_again && return $result
}

# MariaDB's own client reads the file, too.
case_a_password_with_signs_that_an_option_file_escapes_is_the_one_of_mariadbs_clients() {
    local result=0
    over_tcp 127.0.0.1 && inside mariadb -e "DROP USER 'ceymail-metrics'@localhost" &&
        inside sh -c 'umask 077; printf "%s\n" "[client]" "password = \"back\\\\slash \\\"quoted\\\" # and a \\ttab\"" \
            >/etc/ceymail-metrics/database.cnf; chown ceymail-metrics: /etc/ceymail-metrics/database.cnf' &&
        init_over_tcp && scrapes_over_tcp &&
        inside mariadb --defaults-file=/etc/ceymail-metrics/database.cnf -h 127.0.0.1 -u ceymail-metrics -e 'SELECT 1' || result=1
    [ $result = 0 ] || cat "$work/words"
    by_socket_again && return $result
}

case_init_tells_what_a_plug_in_that_validates_passwords_keeps_it_from() {
    local result=0 plugin=password_reuse_check
    inside test -e /usr/lib/mysql/plugin/$plugin.so || plugin=simple_password_check   # before MariaDB 10.7
    over_tcp 127.0.0.1 && script "mariadb -e \"DROP USER 'ceymail-metrics'@localhost; INSTALL SONAME '$plugin'\"" &&
        init_refuses 'MariaDB at' && follow_in_mariadb && init_over_tcp &&
        inside mariadb -e 'SET GLOBAL strict_password_validation = ON' && init_over_tcp && scrapes_over_tcp || result=1
    [ $result = 0 ] || cat "$work/words"
    script "mariadb -e \"UNINSTALL SONAME '$plugin'; SET GLOBAL strict_password_validation = ON\"" &&
        by_socket_again && return $result
}

# An address of this machine stands for the other host: the program takes it for one.
certificate_of_mariadb='openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mariadb \
        -addext subjectAltName=IP:192.0.2.9 -keyout /etc/mysql/other-host.key -out /etc/mysql/other-host.pem 2>/dev/null
    chown mysql /etc/mysql/other-host.key; cp /etc/mysql/other-host.pem /etc/ceymail-metrics/renewed.pem
    mv /etc/ceymail-metrics/renewed.pem /etc/ceymail-metrics/mariadb-ca.pem; systemctl restart mariadb'
case_a_mariadb_on_another_host_is_reached_by_tls_that_is_verified() {
    local result=0 said
    script "ip address add 192.0.2.9/32 dev lo
        printf '[mariadbd]\nbind-address=*\nskip-name-resolve\nssl_cert=/etc/mysql/other-host.pem\nssl_key=/etc/mysql/other-host.key\n' \
            >/etc/mysql/mariadb.conf.d/99-other-host.cnf
        $certificate_of_mariadb" && over_tcp 192.0.2.9 || result=1
    init_refuses 'another one is reached by TLS alone' || result=1
    said=$(inside ceymail-metrics --check 2>&1) && result=1
    grep -q 'give database_tls_ca' <<<"$said" || complain "--check says: $said" || result=1
    script "printf 'database_tls_ca = /etc/ceymail-metrics/mariadb-ca.pem\n' >>$conf" && init_over_tcp && scrapes_over_tcp &&
        inside ceymail-metrics --check && script "$certificate_of_mariadb" && scrapes_over_tcp || result=1
    [ $result = 0 ] || cat "$work/words"
    script 'ip address del 192.0.2.9/32 dev lo; rm /etc/mysql/mariadb.conf.d/99-other-host.cnf /etc/ceymail-metrics/mariadb-ca.pem
            systemctl restart mariadb' && by_socket_again && return $result
}

# --- cases: what the sandbox shows -------------------------------------------------------------------------------

queue_of() { printf 'mkdir -p %s/deferred/A; for n in $(seq %s); do touch "%s/deferred/A/A$n"; done' "$1" "$2" "$1"; }
queue_metrics() { printf 'ceymail_collector_success{collector="queue"} 1\nceymail_queue_deferred %s\n' "$1"; }
expect_deferred() {
    local lines
    mapfile -t lines < <(queue_metrics "$1")
    expect "${lines[@]}"
}
queue_fails() { expect 'ceymail_collector_success{collector="queue"} 0' && ! scrape | grep ceymail_queue_; }

case_a_queue_that_is_moved_and_copied_back_is_counted_as_it_is() {
    script 'rm -rf /var/spool/postfix/deferred/?; mv /var/spool/postfix /var/spool/postfix.bak
            cp -a /var/spool/postfix.bak /var/spool/postfix'"; $(queue_of /var/spool/postfix 3)" && expect_deferred 3
    local result=$?
    script 'rm -rf /var/spool/postfix; mv /var/spool/postfix.bak /var/spool/postfix' && expect_deferred 0 && return $result
}

case_a_queue_that_is_mounted_over_is_counted_as_it_is() {
    script "mount -t tmpfs queue /var/spool/postfix; $(queue_of /var/spool/postfix 4)" && expect_deferred 4
    local result=$?
    inside umount /var/spool/postfix && expect_deferred 0 && return $result
}

# A restart is what the log says.
case_where_the_directory_above_the_queue_is_moved_nothing_is_told_until_a_restart() {
    script "mv /var/spool /var/spool.bak; cp -a /var/spool.bak /var/spool; $(queue_of /var/spool/postfix 5)"
    queue_fails && until_true 5 log_has '/var/spool was moved or removed while the service ran' &&
        log_has 'systemctl restart ceymail-metrics' && inside systemctl restart ceymail-metrics && expect_deferred 5
    local result=$?
    script 'rm -rf /var/spool; mv /var/spool.bak /var/spool; systemctl restart ceymail-metrics' && expect_deferred 0 && return $result
}

# WORDS MISTAKE UNDO: after the mistake --check says WORDS and a remedy; followed as it stands there it mends it.
mended_as_check_says() {
    local said result found=no mended=no remedy path
    script "$2" || return
    until_true 5 check_says "$1" && found=yes
    remedy=$(grep -F "$1" <<<"$said" | grep -oE '(systemctl daemon-reload && )?systemctl restart ceymail-metrics' | head -n 1)
    # What `systemctl edit` would do; without a terminal it does nothing.
    path=$(grep -F "$1" <<<"$said" | grep -oP 'systemctl edit ceymail-metrics, put \[Service\] and BindReadOnlyPaths=\K.*(?= into it)')
    [ -z "$path" ] || script "mkdir -p /etc/systemd/system/ceymail-metrics.service.d
        printf '[Service]\nBindReadOnlyPaths=%s\n' '$path' >/etc/systemd/system/ceymail-metrics.service.d/override.conf
        systemctl daemon-reload"
    [ $found = yes ] && script "${remedy:-false}" && until_true 5 inside ceymail-metrics --check >"$work/mended" && mended=yes
    script "$3"
    settled
    [ $found = yes ] || complain "--check ended with $result and said: $said" || return
    [ $mended = yes ] || { cat "$work/mended"; complain "not mended by: ${path:+BindReadOnlyPaths=$path; }$remedy"; }
}
# LINE: in the configuration, after which the service is restarted.
set_key() { printf 'cp %s /root/conf.before; printf "%%s\\n" "%s" >>%s; systemctl restart %s' "$conf" "$1" "$conf" "$service"; }
unset_key="cp /root/conf.before $conf; systemctl daemon-reload; systemctl restart $service"

case_check_tells_how_to_show_another_queue_directory() {
    mended_as_check_says 'collector queue: works from here, but not in the service: cannot open the queue directory' \
        "mkdir -p /srv/spool; cp -a /var/spool/postfix /srv/spool/; $(set_key 'queue_directory = /srv/spool/postfix')" \
        "$unset_key; rm -r /srv/spool" && expect_deferred 0
}
case_check_tells_how_to_show_a_queue_directory_that_must_be_quoted() {
    mended_as_check_says 'collector queue: works from here, but not in the service: cannot open the queue directory' \
        "mkdir -p '/srv/100% spool'; cp -a /var/spool/postfix '/srv/100% spool/'; $(set_key 'queue_directory = /srv/100% spool/postfix')" \
        "rm -r /etc/systemd/system/ceymail-metrics.service.d; $unset_key; rm -r '/srv/100% spool'" && expect_deferred 0
}
case_another_queue_directory_is_counted_when_it_is_moved_too() {
    script "mkdir -p /srv/spool; cp -a /var/spool/postfix /srv/spool/; $(set_key 'queue_directory = /srv/spool/postfix')
            systemctl daemon-reload; systemctl restart $service; mv /srv/spool/postfix /srv/spool/old
            $(queue_of /srv/spool/postfix 6)" && expect_deferred 6
    local result=$?
    script "$unset_key; rm -r /srv/spool" && return $result
}
case_a_queue_directory_that_is_a_symbolic_link_is_counted() {
    script "mkdir -p /srv/mail; mv /var/spool/postfix /srv/mail/; ln -s /srv/mail/postfix /var/spool/postfix
            systemctl daemon-reload; systemctl restart $service; $(queue_of /srv/mail/postfix 2)" && expect_deferred 2
    local result=$?
    script "rm /var/spool/postfix; rm -r /srv/mail/postfix/deferred/A; mv /srv/mail/postfix /var/spool/; rmdir /srv/mail
            systemctl daemon-reload; systemctl restart $service" && expect_deferred 0 && return $result
}
case_check_finds_that_another_directory_was_mounted_far_above_the_queue() {
    mended_as_check_says 'queue directory: the service counts another directory than /var/spool/postfix is now' \
        'mount -t tmpfs var /var; mkdir -p /var/spool/postfix/deferred' \
        "umount -l /var; systemctl restart $service" && expect_deferred 0
}
case_mariadb_is_reached_by_the_old_name_of_run() {
    script "$(set_key 'database_socket = /var/run/mysqld/mysqld.sock')" && expect 'ceymail_database_up 1' 'ceymail_mailboxes_total 12'
    local result=$?
    script "$unset_key" && return $result
}
# logind does not come back to a bus that was away, and a reboot would wait 50 s for it.
dbus_again='systemctl start dbus.socket dbus.service; systemctl restart systemd-logind'
case_check_tells_how_to_do_without_d_bus() {
    mended_as_check_says 'collector services: works from here, but not in the service' \
        "systemctl stop dbus.socket dbus.service; $(set_key 'service_manager = processes')" \
        "$dbus_again; $unset_key" && expect "$(up postfix 1)" "$(up dovecot 1)"
}
case_services_are_told_by_their_processes_as_the_log_says() {
    script "systemctl stop dbus.socket dbus.service; systemctl restart $service"
    expect 'ceymail_collector_success{collector="services"} 0' &&
        until_true 5 log_has 'or set service_manager = processes, then systemctl daemon-reload && systemctl restart ceymail-metrics' &&
        script "$(set_key 'service_manager = processes'); systemctl daemon-reload && systemctl restart ceymail-metrics" &&
        expect "$(up postfix 1)" "$(up dovecot 1)" "$(up mariadb 1)" "$(up fail2ban 1)" &&
        exposure_is_at_most "$service" 1.0
    local result=$?
    script "$dbus_again; $unset_key" && return $result
}
case_check_tells_how_to_show_another_disk() {
    mended_as_check_says 'its sandbox does not show /srv/disk: systemctl edit ceymail-metrics' \
        "mkdir -p /srv/disk; cp $conf /root/conf.before; sed -i 's#^disk = .*#disk = /srv/disk#' $conf; systemctl restart $service" \
        "rm -r /etc/systemd/system/ceymail-metrics.service.d; $unset_key"
}

# Measured with the mount itself bound: daemon-reload 90 s, restart never.
case_beside_a_dead_mount_it_starts_and_only_the_backups_are_absent() {
    local mount result=1
    script "mkdir -p /mnt/nas/mail; head -c 77 /dev/zero >/mnt/nas/mail/a.tar.gz; touch -d '1 hour ago' /mnt/nas/mail/a.tar.gz
            $(set_key 'backup_directory = /mnt/nas/mail'); systemctl daemon-reload; systemctl restart $service"
    expect 'ceymail_backup_last_bytes 77' || return
    : >"$work/dead_mount"
    "$here/dead_mount" "$(cat "$leader_file")" /mnt/nas >"$work/dead_mount" 2>&1 &
    mount=$!
    until_true 10 grep -qx ready "$work/dead_mount" && inside timeout 10 systemctl daemon-reload &&
        inside timeout 10 systemctl restart "$service" &&
        expect 'ceymail_collector_success{collector="backups"} 0' "$(up postfix 1)" && result=0
    kill $mount
    wait $mount
    [ $result = 0 ] && expect 'ceymail_backup_last_bytes 77' || result=1
    script "$unset_key; rm -r /mnt/nas" && return $result
}

# --- cases: what --check finds -----------------------------------------------------------------------------------

# WORDS MISTAKE REPAIR: after the mistake --check says WORDS and fails; after the repair it does not.
found_by_check() {
    local said result found=no
    script "$2" || return
    until_true 5 check_says "$1" && found=yes
    script "$3" || return
    [ $found = yes ] || complain "--check ended with $result and said: $said"
}
# From another address each time: --check asks as a scraper does, and the limiter counts it.
check_url() {
    inside ip route replace local 127.0.0.0/8 dev lo table local src "$(another_address)"
    inside ceymail-metrics --check --url "https://mail.example.test:${PORT:-443}/api/stats/metrics"
}
check_says() {
    said=$(check_url)
    result=$?
    [ $result = 78 ] && grep -qF "$1" <<<"$said"
}

drop_in() { # UNIT LINE: a script that sets it
    printf 'mkdir -p /run/systemd/system/%s.d; printf "%s" >/run/systemd/system/%s.d/mistake.conf; systemctl daemon-reload
            systemctl stop ceymail-metrics.socket; systemctl start ceymail-metrics.socket ceymail-metrics.service' \
        "$1" "$2" "$1"
}
no_drop_in='rm -r /run/systemd/system/ceymail-metrics.*.d; systemctl daemon-reload
            systemctl stop ceymail-metrics.socket; systemctl start ceymail-metrics.socket ceymail-metrics.service'

case_check_finds_nothing_through_nginx() {
    inside sh -c 'grep -q mail.example.test /etc/hosts || echo 127.0.0.2 mail.example.test >>/etc/hosts'
    check_url
}
case_check_finds_nothing_through_apache() { PORT=8443 check_url; }
case_check_finds_a_missing_capability() {
    found_by_check 'without CAP_DAC_READ_SEARCH' "$(drop_in ceymail-metrics.service '[Service]\\nAmbientCapabilities=\\n')" "$no_drop_in"
}
# As systemd says it in its own log, where it skips the directive. The `verify` of systemd 247 does not run in a container.
told_by_systemd() {
    if systemd_is_before 248; then
        inside sh -c 'journalctl --sync; journalctl --no-pager -b _PID=1'
    else
        inside systemd-analyze verify "$service" 2>&1
    fi
}
unknown_directives() { told_by_systemd | grep -oP "$service:.*Unknown (key name|key|lvalue) '\K[^']+" | sort -u; }
sandbox_line() { inside ceymail-metrics --check | grep '^sandbox: '; }
case_check_names_each_directive_that_this_systemd_does_not_know() {
    local said name unknown wanted=
    ! systemd_is_before 248 || wanted='ExecPaths NoExecPaths PrivateIPC'
    unknown=$(unknown_directives)
    said=$(sandbox_line)
    [ "$(paste -sd ' ' <<<"$unknown")" = "$wanted" ] || complain "systemd does not know: $unknown" || return
    for name in $unknown; do grep -q "does not know .*$name=" <<<"$said" || complain "not $name: $said" || return; done
    [ -n "$unknown" ] || grep -q '^sandbox: ok (systemd ' <<<"$said" || complain "systemd knows all, but: $said" || return
    script "sed 's/^PrivateIPC=.*/&\nPrivateNonsense=yes/; s/^SystemCallFilter=capset/& no_such_call/' /lib/systemd/system/$service >/etc/systemd/system/$service
        systemctl daemon-reload"
    unknown=$(unknown_directives)
    said=$(sandbox_line)
    script "rm /etc/systemd/system/$service; systemctl daemon-reload"
    grep -qx PrivateNonsense <<<"$unknown" || complain "systemd does not complain: $unknown" || return
    grep -q 'does not know .*PrivateNonsense= of' <<<"$said" && grep -q 'system calls .*no_such_call' <<<"$said" || complain "--check says: $said"
}
case_check_finds_a_wrong_socket_group() {
    found_by_check 'set SocketGroup=www-data' "$(drop_in ceymail-metrics.socket '[Socket]\\nSocketGroup=mail\\n')" "$no_drop_in"
}
case_check_finds_missing_grants() {
    found_by_check 'ceymail-token init' \
        'mariadb -e "REVOKE ALL, GRANT OPTION FROM \`ceymail-metrics\`@localhost"' 'ceymail-token init'
}
case_check_finds_a_wrong_schema() {
    found_by_check 'ceymail-token init' \
        "mariadb -e 'ALTER TABLE ceymail_dashboard.metrics_tokens RENAME ceymail_dashboard.elsewhere'" \
        "mariadb -e 'ALTER TABLE ceymail_dashboard.elsewhere RENAME ceymail_dashboard.metrics_tokens'"
}
case_check_finds_an_apache_that_keeps_the_authorization() {
    PORT=8443 found_by_check 'set CGIPassAuth On' \
        'sed -i "s/CGIPassAuth On/CGIPassAuth Off/" /etc/apache2/conf-available/ceymail-metrics.conf; systemctl restart apache2' \
        'sed -i "s/CGIPassAuth Off/CGIPassAuth On/" /etc/apache2/conf-available/ceymail-metrics.conf; systemctl restart apache2'
}
case_check_finds_an_address_that_is_not_passed_on() {
    found_by_check 'is not passed on to ceymail-metrics' \
        'sed -i "s/ include snippets/ # include snippets/; s/^include snippets/# include snippets/" /etc/nginx/sites-enabled/ceymail; systemctl restart nginx' \
        'sed -i "s/# include snippets/include snippets/" /etc/nginx/sites-enabled/ceymail; systemctl restart nginx'
}
# These follow the remedy to the letter, and then take the site's own lines away again.
check_is_content() {
    local said
    until_true 5 all_is_well || complain "after the remedy --check says: $said"
}
all_is_well() { said=$(check_url) && grep -q '^web server: ok' <<<"$said"; }
case_check_finds_a_redirect_of_the_whole_site() {
    found_by_check 'a redirect to https://mail.example.test/login' \
        'sed -i "s#server_name mail.example.test;#&\nreturn 302 /login;#" /etc/nginx/sites-enabled/ceymail; systemctl reload nginx' \
        'sed -i "s#^return 302 /login;#location / { & }#" /etc/nginx/sites-enabled/ceymail; systemctl reload nginx' &&
        check_is_content
    local result=$?
    script 'sed -i "/return 302/d" /etc/nginx/sites-enabled/ceymail; systemctl reload nginx'
    return $result
}
case_check_finds_a_dashboard_that_answers() {
    found_by_check 'in JSON: a program of the site' \
        'sed -i "s/ include snippets/ # include snippets/; s/^include snippets/# include snippets/" /etc/nginx/sites-enabled/ceymail
         sed -i "s#server_name mail.example.test;#&\nlocation /api/ { default_type application/json; return 401 denied; }#" /etc/nginx/sites-enabled/ceymail; systemctl reload nginx' \
        'sed -i "s/# include snippets/include snippets/" /etc/nginx/sites-enabled/ceymail; systemctl reload nginx' &&
        check_is_content
    local result=$?
    script 'sed -i "/location .api/d" /etc/nginx/sites-enabled/ceymail; systemctl reload nginx'
    return $result
}
case_check_finds_a_login_before_the_endpoint() {
    found_by_check 'asks for a login of its own' \
        'sed -i "s#auth_basic off;#auth_basic site; auth_basic_user_file /etc/passwd;#" /etc/nginx/snippets/ceymail-metrics.conf; systemctl reload nginx' \
        'sed -i "s#auth_basic site; auth_basic_user_file /etc/passwd;#auth_basic off;#" /etc/nginx/snippets/ceymail-metrics.conf; systemctl reload nginx' &&
        check_is_content
}
site=/etc/nginx/sites-enabled/ceymail
# LINE...: of the server block, of which `undo` in the machine takes them away again.
in_server() { printf 'cp %s /root/site.before; printf "%%s\\n" %s >/root/lines; sed -i "/server_name/r /root/lines" %s; systemctl reload nginx\n' "$site" "${*@Q}" "$site"; }
site_as_before="cp /root/site.before $site; systemctl reload nginx"
gate='location = /gate { internal; return 401; }'

case_nginx_answers_from_below_what_a_server_sets_for_all() {
    script "echo 'limit_req_zone \$server_name zone=site:1m rate=1r/m;' >/etc/nginx/conf.d/site.conf
        $(in_server 'satisfy any;' 'deny all;' 'auth_basic site;' 'auth_basic_user_file /etc/passwd;' \
            'auth_request /gate;' "$gate" 'limit_req zone=site;' 'expires 1h;' 'error_page 401 =302 /login;')"
    local result=0
    until_true 10 answers_itself 503 / && expect "$(up nginx 1)" && expect "$(up nginx 1)" && check_is_content || result=1
    script "$site_as_before"
    return $result
}
# STATUS PATH: of the site.
answers_itself() {
    [ "$(inside curl -sk -o /dev/null -w '%{http_code}' --resolve mail.example.test:443:127.0.0.1 "https://mail.example.test$2")" = "$1" ]
}
case_nothing_of_the_server_opens_the_settings_page_to_any_password() {
    script "$(in_server 'satisfy any;' 'allow all;')"
    local result=0 page
    sleep 1   # a reload of nginx is over a little after systemctl says so
    answers_itself 401 /settings/security/prometheus-metrics || complain "it does not ask for a password" || result=1
    until_true 10 has_form 'https://mail.example.test/settings/security/prometheus-metrics?confirm=generate' ||
        complain "nor does it take the right one: $page" || result=1
    script "$site_as_before"
    return $result
}
case_check_finds_a_login_by_auth_request() {
    found_by_check 'switch it off here (auth_request off)' \
        "$(in_server 'auth_request /gate;' "$gate"); sed -i 's/auth_request off;/#&/' /etc/nginx/snippets/ceymail-metrics.conf; systemctl reload nginx" \
        "sed -i 's/#auth_request off;/auth_request off;/' /etc/nginx/snippets/ceymail-metrics.conf; systemctl reload nginx" &&
        check_is_content
    local result=$?
    script "$site_as_before"
    return $result
}
case_check_finds_another_limit() {
    found_by_check 'another limit, of the site or of a CDN' \
        "$(in_server 'limit_req zone=site;' 'limit_req_status 429;'); sed -i 's/limit_req_dry_run on/limit_req_dry_run off/' /etc/nginx/snippets/ceymail-metrics.conf; systemctl reload nginx" \
        "sed -i 's/limit_req_dry_run off/limit_req_dry_run on/' /etc/nginx/snippets/ceymail-metrics.conf; systemctl reload nginx" &&
        check_is_content
    local result=$?
    script "$site_as_before; rm /etc/nginx/conf.d/site.conf; systemctl reload nginx"
    return $result
}
# A proxy of the host's own, which reaches nginx by a Unix socket.
case_check_finds_a_proxy_that_connects_by_a_unix_socket() {
    PORT=8444 found_by_check 'REMOTE_ADDR is "unix:"' "
        cat >/etc/nginx/conf.d/proxy.conf <<'END'
server {
    listen 8444 ssl;
    server_name mail.example.test;
    ssl_certificate /etc/ssl/certs/ceymail.pem;
    ssl_certificate_key /etc/ssl/ceymail/key.pem;
    location / {
        proxy_pass http://unix:/run/site.sock;
        proxy_set_header Host \$host;
        proxy_set_header X-Forwarded-For \$remote_addr;
    }
}
server {
    listen unix:/run/site.sock;
    server_name mail.example.test;
    include snippets/ceymail-metrics*.conf;
}
END
        systemctl reload nginx" \
        'sed -i "s/listen unix:.*/&\nset_real_ip_from unix:;\nreal_ip_header X-Forwarded-For;/" /etc/nginx/conf.d/proxy.conf; systemctl reload nginx' &&
        PORT=8444 expect "$(up nginx 1)" && PORT=8444 check_is_content
    local result=$?
    script 'rm /etc/nginx/conf.d/proxy.conf; systemctl reload nginx'
    return $result
}
start_by_the_unit='systemctl start ceymail-metrics.socket ceymail-metrics.service'
case_check_finds_through_nginx_that_the_socket_is_gone() {
    found_by_check 'it cannot reach the responder; look at systemctl status ceymail-metrics.socket' \
        'systemctl stop ceymail-metrics.socket ceymail-metrics.service' "$start_by_the_unit" && check_is_content
}
case_check_finds_through_apache_that_the_socket_is_gone() {
    PORT=8443 found_by_check "with a page of Apache's: it cannot reach the responder; look at systemctl status ceymail-metrics.socket" \
        'systemctl stop ceymail-metrics.socket ceymail-metrics.service' "$start_by_the_unit" && PORT=8443 check_is_content
}

apache_site=/etc/apache2/sites-enabled/ceymail.conf
# A front controller in the place of the dashboard, and a login above all. Reloaded: systemd limits how often it restarts a unit.
front_controller="cp $apache_site /root/apache.before
    printf 'RewriteEngine On\nRewriteCond %%{REQUEST_FILENAME} !-f\nRewriteRule . /front.html [L]\n' >/var/www/html/.htaccess
    echo '<p>All of the site.</p>' >/var/www/html/front.html
    printf '<Directory /var/www/html>\nAllowOverride All\n</Directory>\n' >/etc/apache2/conf-enabled/front.conf
    sed -i 's#ServerName.*#&\nDocumentRoot /var/www/html#; /ProxyPass/d' $apache_site"
login_above_all="printf '<Location \"/\">\nAuthType Basic\nAuthName site\nAuthUserFile /etc/nginx/ceymail-settings.htpasswd\nRequire valid-user\n</Location>\n' >/etc/apache2/conf-enabled/login.conf"
apache_as_before="cp /root/apache.before $apache_site; rm -f /var/www/html/.htaccess /var/www/html/front.html /etc/apache2/conf-enabled/front.conf /etc/apache2/conf-enabled/login.conf
    a2enconf -q ceymail-metrics; systemctl reload apache2"

case_check_finds_a_front_controller_that_answers_in_apache() {
    PORT=8443 found_by_check 'answered 200 with a page (HTML): the site, its front controller or dashboard, answers in our place' \
        "$front_controller; a2disconf -q ceymail-metrics; systemctl reload apache2" 'a2enconf -q ceymail-metrics; systemctl reload apache2' &&
        PORT=8443 check_is_content && PORT=8443 expect "$(up apache 1)"
    local result=$?
    script "$apache_as_before"
    return $result
}
case_check_finds_a_login_before_the_endpoint_in_apache() {
    PORT=8443 found_by_check 'asks for a login of its own (Basic realm="site")' \
        "$front_controller; $login_above_all; a2disconf -q ceymail-metrics; systemctl reload apache2" \
        'a2enconf -q ceymail-metrics; systemctl reload apache2' && PORT=8443 check_is_content && PORT=8443 expect "$(up apache 1)"
    local result=$?
    script "$apache_as_before"
    return $result
}
case_check_finds_a_redirect_of_the_virtual_host_in_apache() {
    PORT=8443 found_by_check 'a redirect to https://mail.example.test/login' \
        "cp $apache_site /root/apache.before; sed -i 's#ServerName.*#&\nRedirect / https://mail.example.test/login/#' $apache_site; systemctl reload apache2" \
        "sed -i '/^Redirect/d' $apache_site; sed -i 's#</VirtualHost>#Redirect / https://mail.example.test/login/\n&#' /etc/apache2/sites-available/000-default.conf; systemctl reload apache2" &&
        PORT=8443 check_is_content
    local result=$?
    script "sed -i '/^Redirect/d' /etc/apache2/sites-available/000-default.conf; $apache_as_before"
    return $result
}
# Apache tells the client's address with the interface's name.
case_a_client_of_the_same_link_is_answered_by_apache() {
    script 'ip link add link-of-tests type veth peer name its-end; ip link set its-end up; ip link set link-of-tests up
            ip -6 address add fe80::77/64 dev link-of-tests nodad' || return
    local result=0 got
    got=$(inside curl -gsk -o /dev/null -w '%{http_code}' --max-time 20 -H @/root/header -H 'Host: mail.example.test' \
        'https://[fe80::77%25link-of-tests]:8443/api/stats/metrics')
    [ "$got" = 200 ] || complain "answered $got" || result=1
    inside ip link del link-of-tests
    return $result
}
# The last of these: what was seen is told for an hour.
case_check_finds_that_keep_alive_is_on() {
    found_by_check 'set fastcgi_keep_conn off' \
        'sed -i "s/fastcgi_keep_conn off/fastcgi_keep_conn on/" /etc/nginx/snippets/ceymail-metrics.conf; systemctl restart nginx
         curl -sk -o /dev/null https://127.0.0.1/api/stats/metrics -H "Host: mail.example.test"' \
        'sed -i "s/fastcgi_keep_conn on/fastcgi_keep_conn off/" /etc/nginx/snippets/ceymail-metrics.conf; systemctl restart nginx'
}

# --- cases: a factory reset ----------------------------------------------------------------------------------------

keep_scraping_until() { # CODE
    code >/dev/null
    sleep 5
    [ "$(code)" = "$1" ]
}
new_header() { inside ceymail-token generate 2>/dev/null | sed 's/^/Authorization: Bearer /' | inside sh -c 'umask 077; cat >/root/header'; }
init_log() { inside journalctl --no-pager -o cat -u ceymail-metrics-init.service; }

case_the_exposure_of_the_unit_that_makes_the_tables_again_is_at_most_2_5() {
    exposure_is_at_most ceymail-metrics-init.service 2.5 || return
    systemd_is_before 250 || inside systemd-analyze security --no-pager --threshold=25 --offline=true \
        /lib/systemd/system/ceymail-metrics-init.service
}

# The watchdog's ping wakes the supervisor. Tables that are younger than a minute are left alone.
case_after_a_factory_reset_the_tables_come_back_within_two_minutes() {
    local said result=0
    short_watchdog || return
    inside sh -c 'cp /root/header /root/header.before; mariadb-dump --databases ceymail ceymail_dashboard >/root/dump.sql'
    inside mariadb -e 'DROP DATABASE ceymail; DROP DATABASE ceymail_dashboard' && sample dashboard && sample mail || return
    expect_code 503 || return
    until_true 120 keep_scraping_until 401 || { init_log; complain "the tables did not come back"; return 1; }
    [ "$(init_log | grep -c 'table metrics_tokens was gone')" = 1 ] || { init_log; complain "its log"; result=1; }
    # LogLevelMax= holds for systemd's own lines from 248 on.
    systemd_is_before 248 || [ "$(init_log | grep -c 'Starting\|Finished\|Deactivated')" = 0 ] || { init_log; complain "systemd logs each run"; result=1; }
    new_header && expect 'ceymail_database_up 1' 'ceymail_mailboxes_total 12' || result=1
    said=$(inside ceymail-metrics --check)
    grep -q '^token: ok' <<<"$said" || complain "--check says: $said" || result=1
    return $result
}

case_a_restored_dump_brings_the_old_token_back_and_check_names_it() {
    local said result=0
    inside sh -c 'mariadb </root/dump.sql; cp /root/header /root/header.new; cp /root/header.before /root/header'
    expect 'ceymail_database_up 1' || result=1
    until_true 5 log_has 'is an old one that came back' || complain "the log does not tell" || result=1
    until_true 10 inside test -s /var/lib/ceymail-metrics/service/newest-token || complain "no memory" || result=1
    inside systemctl stop "$service"
    inside rm /run/ceymail-metrics/segment   # as a boot does
    inside systemctl start "$service"
    said=$(inside ceymail-metrics --check)
    grep '^token:' <<<"$said" | grep -q 'came back' || complain "--check says: $said" || result=1
    new_header && expect 'ceymail_database_up 1' || result=1
    said=$(inside ceymail-metrics --check)
    grep -q '^token: ok' <<<"$said" || complain "--check says: $said" || result=1
    script "rm -r /run/systemd/system/$service.d; systemctl daemon-reload; systemctl restart $service"
    return $result
}

# --- cases: over time --------------------------------------------------------------------------------------------

case_scrapes_after_a_reboot() { reboot_machine && expect "$(up postfix 1)" "$(up nginx 1)" 'ceymail_database_up 1' 'ceymail_mailboxes_total 12'; }

upgrade() {
    cp "$work/ceymail-metrics_$next_version"_*.deb "$root/root/" &&
        inside sh -c 'DEBIAN_FRONTEND=noninteractive dpkg -i /root/ceymail-metrics_*+next_*.deb'
}
case_an_upgrade_under_load_loses_nothing() {
    spend 127.31.0.1 && under_load 22 upgrade && expect "ceymail_build_info{version=\"$next_version\"} 1"
}
case_the_limiter_outlives_an_upgrade() { ADDRESS=127.31.0.1 expect_code 429; }
case_an_upgrade_keeps_the_administrators_settings() { inside grep -q 'cache_ttl = 0' "$conf"; }

# As a release before metrics_token_uses left it.
last_use() { inside mariadb -N -e 'SELECT COUNT(*) FROM ceymail_dashboard.metrics_token_uses WHERE token_id > 0'; }
has_last_use() { [ "$(last_use)" = 1 ]; }
case_after_an_upgrade_it_asks_for_init_where_a_table_is_missing() {
    local said result=0
    script "mariadb -e 'DROP TABLE ceymail_dashboard.metrics_token_uses;
            GRANT UPDATE (last_used_at) ON ceymail_dashboard.metrics_tokens TO \`ceymail-metrics\`@localhost'
        systemctl restart $service" || return
    expect 'ceymail_database_up 1' 'ceymail_auth_stale 0' || return
    until_true 5 log_has 'run: ceymail-token init' || complain "the log does not tell" || result=1
    said=$(inside ceymail-metrics --check) && complain "--check is content" && result=1
    grep -F metrics_token_uses <<<"$said" | grep -qF 'run: ceymail-token init' || complain "--check says: $said" || result=1
    inside ceymail-token init >"$work/words" 2>&1 && grep -q 'revoke UPDATE(last_used_at)' "$work/words" || { cat "$work/words"; result=1; }
    said=$(inside ceymail-metrics --check)
    grep -qx 'database: ok' <<<"$said" || complain "after it --check says: $said" || result=1
    new_header   # its first use is noted at once, that of the same token once a minute
    expect 'ceymail_database_up 1' && until_true 5 has_last_use || complain "the last use is not noted" || result=1
    return $result
}

case_removed_it_leaves_its_settings_and_stops() {
    inside env DEBIAN_FRONTEND=noninteractive apt-get remove -y -q ceymail-metrics || return
    inside test -s "$conf" -a -s /etc/apparmor.d/ceymail-metrics && ! inside systemctl is-active --quiet "$service" && ! inside pgrep -f /usr/libexec/ceymail-metrics &&
        ! inside test -e /run/ceymail-metrics/ceymail-metrics.sock
}

case_purged_it_leaves_the_database_and_says_so() {
    inside env DEBIAN_FRONTEND=noninteractive apt-get purge -y -q ceymail-metrics >"$work/purge" 2>&1 || { cat "$work/purge"; return 1; }
    grep -q 'the database was left alone' "$work/purge" || { cat "$work/purge"; return 1; }
    script 'for path in /etc/ceymail-metrics /var/lib/ceymail-metrics /run/ceymail-metrics /usr/lib/ceymail-metrics /usr/sbin/ceymail-token \
                /etc/apparmor.d/{,local/}ceymail-{metrics,settings}; do
                test ! -e $path || { find $path; exit 1; }; done
            test "$(mariadb -N -e "SELECT COUNT(*) FROM ceymail_dashboard.metrics_tokens WHERE active = 1")" = 1'
}

case_purged_it_leaves_web_servers_that_start() {
    script 'nginx -t && systemctl restart nginx && apache2ctl configtest && systemctl restart apache2'
}

case_installed_again_it_scrapes_with_the_same_token() {
    inside sh -c 'DEBIAN_FRONTEND=noninteractive dpkg -i /root/ceymail-metrics_*+next_*.deb && systemctl reload nginx' &&
        expect "$(up postfix 1)" 'ceymail_database_up 1'
}

# Last, because it replaces the token.
case_the_packages_own_test_passes() {
    inside sh -c 'cat >/root/scrape && chmod 755 /root/scrape' <"$here/../../deploy/debian/tests/scrape" &&
        inside /root/scrape >"$work/words" 2>&1 || { cat "$work/words"; return 1; }
}
