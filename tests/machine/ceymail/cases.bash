# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What is tried on a CeyMail host, in this order; see ../cases.bash, whose helpers serve here too. The name of the site
# and its certificate are others.
# shellcheck disable=SC2154,SC2016,SC2015,SC2034
cases() { grep -ohE '^case_[a-z0-9_]+' "$here/ceymail/cases.bash"; }

# ARGUMENTS for curl, the last of which is a path of the dashboard's site, over https.
on_site() {
    local path=${*: -1}
    set -- "${@:1:$#-1}"
    inside curl -sS --max-time 20 --cacert $ca --interface "${ADDRESS:-$(another_address)}" \
        --resolve "$dashboard_domain:443:127.0.0.1" "$@" "https://$dashboard_domain$path"
}
scrape() { on_site -H @/root/header "$@" /api/stats/metrics; }

# What the site answers to what is the dashboard's, in full but for the date.
dashboard_requests='GET /
GET /login
GET /_next/static/chunks/main.js
HEAD /login
GET /api/auth/me
POST /api/welcome/login
POST /api/install/step
GET /api/logs?limit=1
GET /api/stats
GET /api/stats/metrics/
GET /api/stats/metrics.json
GET /api/stats/metric
GET /API/stats/metrics
PUT /api/settings
DELETE /api/users/2
GET /settings
GET /settings/security'
answers() {
    local method path
    while read -r method path; do
        echo "== $method $path"
        case $method in
        HEAD) on_site -i --head "$path" ;;
        GET) on_site -i "$path" ;;
        *) on_site -i -X "$method" --data '{}' "$path" ;;
        esac
        echo
    done <<<"$dashboard_requests" | sed '/^[Dd]ate:/d'
    # The stand-in closes the connection, which curl calls an empty reply.
    echo '== a WebSocket'
    on_site -i --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
        -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' /api/events 2>/dev/null | sed '/^[Dd]ate:/d'
    echo '== without TLS'
    inside curl -sS -i --resolve "$dashboard_domain:80:127.0.0.1" "http://$dashboard_domain/api/stats/metrics" | sed '/^[Dd]ate:/d'
    echo '== the webmail'
    inside curl -sS -i --cacert $ca "https://$mail_domain/" | sed '/^[Dd]ate:/d'
}
same_answers() {
    answers >"$work/answers.now" 2>&1
    diff "$work/answers.before" "$work/answers.now"
}

# The site file and what of the web server's configuration could differ.
site_is() { inside cmp "$site" "/root/$1"; }
remember_site() { inside cp "$site" "/root/$1"; }

# --- cases: before -----------------------------------------------------------------------------------------------

# The host is right before anything is tried there.
case_a_ceymail_host() {
    local unit got
    for unit in mariadb dovecot opendkim spamass-milter unbound rsyslog fail2ban "$web_server" ceymail-dashboard ceymail-aifilter \
        ceymail-watchdog.timer "$(php_fpm)"; do
        inside systemctl is-active --quiet "$unit" || complain "$unit does not run" || return
    done
    inside systemctl is-active --quiet ceymail-mc && complain "ceymail-mc runs" && return 1
    inside sh -c "command -v $other_web_server" && complain "$other_web_server is there, too" && return 1
    [ "$(inside postconf -h enable_long_queue_ids)" = no ] || complain "Postfix has long queue ids" || return
    got=$(inside stat -c '%n %U:%G %a' /etc/ceymail.conf /var/lib/ceymail-mc /var/lib/ceymail-mc/config.json \
        /var/lib/ceymail-mc/.env.local /var/log/mail.log)
    [ "$got" = "/etc/ceymail.conf root:root 600
/var/lib/ceymail-mc ceymail-mc:ceymail-mc 700
/var/lib/ceymail-mc/config.json ceymail-mc:ceymail-mc 600
/var/lib/ceymail-mc/.env.local ceymail-mc:ceymail-mc 600
/var/log/mail.log syslog:adm 640" ] || complain "$got" || return
    inside grep -q 'the host is furnished' /var/log/mail.log || complain "mail.log is not written" || return
    answers >"$work/answers.before" 2>&1
    grep -A1 '^== GET /api/stats$' "$work/answers.before" | grep -q ' 401' || { cat "$work/answers.before"; return 1; }
    grep -A1 '^== a WebSocket$' "$work/answers.before" | grep -q ' 101' || { cat "$work/answers.before"; return 1; }
    same_answers && remember_site site.before
}
php_fpm() { inside systemctl list-unit-files --no-legend 'php*-fpm.service' | sed 's/ .*//'; }

case_the_dashboard_answers_for_the_endpoint_before() { dashboard_has_the_endpoint; }
# A reload is over a little after systemctl says so.
dashboard_has_the_endpoint() { until_true 5 dashboard_answers_for_it || complain "$got"; }
dashboard_answers_for_it() {
    got=$(on_site -w ' %{http_code} %{content_type}' /api/stats/metrics)
    [ "$got" = '{"error": "Unauthorized"} 401 application/json' ]
}

# --- cases: attached ---------------------------------------------------------------------------------------------

case_the_four_commands_of_the_readme() {
    inside bash -ec "cd /root; $(readme_block sh 1)" >"$work/words" 2>&1 || { cat "$work/words"; return 1; }
    grep -oE '^ceymail_[A-Za-z0-9_-]{43,}$' "$work/words" | sed 's/^/Authorization: Bearer /' |
        inside sh -c 'umask 077; cat >/root/header'
    inside test -s /root/header || { cat "$work/words"; return 1; }
    remember_site site.attached
}

case_scrapes_over_https() {
    expect "$(up postfix 1)" "$(up "$(label_of_web_server)" 1)" 'ceymail_database_up 1' 'ceymail_domains_total 3' \
        'ceymail_mailboxes_total 12' 'ceymail_attached 1'
}
label_of_web_server() { echo "${web_server%2}"; }

case_a_prometheus_scrapes_over_https() {
    start_prometheus || return
    until_true 30 prometheus_says up 1 || complain "up is $prometheus_said; $(tail -n 3 "$work/prometheus.log")" || return
    until_true 10 prometheus_says ceymail_mailboxes_total 12 || complain "mailboxes: $prometheus_said"
}

case_the_dashboard_answers_as_before() { same_answers; }

case_the_site_has_one_marked_include_more() {
    local changes
    changes=$(inside diff /root/site.before "$site")
    grep -q '^<' <<<"$changes" && complain "lines are gone: $changes" && return 1
    [ "$(grep -c '^> *[Ii]nclude' <<<"$changes")" = 1 ] || complain "$changes"
}

case_the_site_of_the_mail_domain_has_no_endpoint() {
    local got
    got=$(inside curl -sS -o /dev/null -w '%{http_code}' --cacert $ca -H @/root/header "https://$mail_domain/api/stats/metrics")
    [ "$got" = 404 ] || complain "answered $got"
}

case_check_finds_nothing_to_mend_on_a_ceymail_host() {
    inside ceymail-metrics --check && inside ceymail-metrics --check --url "https://$dashboard_domain/api/stats/metrics" &&
        inside ceymail-attach --check
}

case_attached_twice_is_harmless() { inside ceymail-attach && site_is site.attached && expect_code 200; }

case_a_dry_run_changes_nothing() {
    inside ceymail-attach --remove >"$work/words" 2>&1 && site_is site.before || { cat "$work/words"; return 1; }
    inside ceymail-attach --dry-run >"$work/words" 2>&1 || { cat "$work/words"; return 1; }
    grep -qE '^\+ *[Ii]nclude' "$work/words" || complain "no difference is printed: $(cat "$work/words")" || return
    site_is site.before
}

case_removed_the_dashboard_answers_for_the_endpoint() {
    dashboard_has_the_endpoint && same_answers || return
    inside ceymail-attach --check && complain "--check says that it is attached" && return 1
    return 0
}

# Also by a unit that the removal itself has started, and that waits for its minute.
case_after_a_removal_the_installers_rewrite_is_left_alone() {
    local unit
    run_installer || return
    sleep 10
    site_is site.before || return
    for unit in service path timer; do
        [ "$(inside systemctl show -P ActiveState "ceymail-attach.$unit")" = inactive ] || complain "ceymail-attach.$unit runs" || return
    done
}

# --- cases: what goes wrong --------------------------------------------------------------------------------------

# WORDS CODE...: what ceymail-attach says and how it ends; the site stays what it is.
attach_refuses() {
    local words=$1 result
    shift
    remember_site site.now
    inside ceymail-attach >"$work/words" 2>&1
    result=$?
    site_is site.now || complain "the site was changed" || return
    grep -qF -e "$words" "$work/words" || complain "it ended with $result and said: $(cat "$work/words")" || return
    [[ " $* " == *" $result "* ]] || complain "it ended with $result, not $*: $(cat "$work/words")"
}

# The web server's own test fails, but not by us.
case_a_configuration_that_is_broken_already_is_left_alone() {
    local file=/etc/nginx/conf.d/broken.conf result=0
    [ $web_server = nginx ] || file=/etc/apache2/conf-enabled/broken.conf
    script "echo 'no_such_directive on;' >$file"
    attach_refuses "$file" 78 && same_answers || result=1
    inside rm "$file"
    return $result
}

case_a_web_server_that_is_down_is_not_started() {
    local result=0
    inside systemctl stop "$web_server"
    attach_refuses "$web_server" 69 || result=1
    inside systemctl is-active --quiet "$web_server" && complain "it was started" && result=1
    inside systemctl start "$web_server"
    same_answers && return $result
}

case_a_site_that_cannot_be_written_is_left_alone() {
    local result=0 directory=${site%/*}
    script "mount --bind $directory $directory; mount -o remount,bind,ro $directory"
    attach_refuses "$directory" 73 74 77 || result=1
    inside umount "$directory"
    same_answers && return $result
}

case_a_site_without_tls_is_refused() {
    local result=0
    run_installer --before-dns || return
    attach_refuses TLS 65 78 || result=1
    run_installer && site_is site.before && return $result
}

case_a_host_without_the_installers_file_is_told_what_to_give() {
    local result=0
    inside mv /etc/ceymail.conf /root/ceymail.conf
    attach_refuses --site 66 78 || result=1
    inside mv /root/ceymail.conf /etc/ceymail.conf
    return $result
}

# --- cases: the installer is run again ---------------------------------------------------------------------------

attached_again() { inside ceymail-attach --check >"$work/words" 2>&1 && [ "$(code)" = 200 ]; }
case_the_installers_rewrite_is_attached_again_within_90_s() {
    inside ceymail-attach >"$work/words" 2>&1 && site_is site.attached && expect 'ceymail_attached 1' || { cat "$work/words"; return 1; }
    run_installer || return
    until_true 90 attached_again || complain "not attached: $(cat "$work/words"); $(attach_log)" || return
    site_is site.attached && expect 'ceymail_attached 1' && same_answers || return
    until_true 30 prometheus_says up 1 || complain "up is $prometheus_said"
}
attach_log() { inside journalctl --no-pager -b -n 20 -u 'ceymail-attach*'; }

case_the_log_tells_of_it() {
    attach_log >"$work/log"
    grep -q "$site" "$work/log" || { cat "$work/log"; return 1; }
}

# Each edit is a line in the log. There is at most one in a minute.
edits() { inside journalctl --no-pager -b -o cat -u ceymail-attach.service | grep -c 'attached again'; }
case_rewritten_four_times_in_a_row_it_is_attached_in_the_end() {
    local before after began=$SECONDS
    before=$(edits)
    run_installer && run_installer && run_installer && run_installer || return
    until_true 130 attached_again || complain "not attached: $(cat "$work/words"); $(attach_log)" || return
    site_is site.attached || return
    sleep 10
    after=$(edits)
    [ $((after - before)) -le $((1 + (SECONDS - began) / 60)) ] || complain "it was edited $((after - before)) times; $(attach_log)"
}

case_a_host_that_lost_its_tls_is_not_attached_and_says_so() {
    local result=0
    run_installer --before-dns || return
    remember_site site.now
    until_true 10 check_of_attach_says lost || complain "--check says: $(cat "$work/words")" || result=1
    sleep 65
    site_is site.now || complain "the site without TLS was attached" || result=1
    run_installer
    until_true 90 attached_again || complain "not attached: $(cat "$work/words"); $(attach_log)" || return
    return $result
}
check_of_attach_says() { ! inside ceymail-attach --check >"$work/words" 2>&1 && grep -qF "$1" "$work/words"; }

# --- cases: the services of such a host --------------------------------------------------------------------------

case_all_services_of_the_host_are_up() {
    local lines=() name
    for name in postfix dovecot opendkim mariadb unbound spamassassin spamass-milter php-fpm rsyslog fail2ban \
        ceymail-dashboard ceymail-ai-filter "$(label_of_web_server)"; do lines+=("$(up "$name" 1)"); done
    expect "${lines[@]}"
}

# No alert on ceymail_service_up fires: the service is up again before.
start_of() { scrape | sed -n "s/^ceymail_service_start_time_seconds{name=\"$1\"} //p"; }
started_after() { start=$(start_of "$1"); [ -n "$start" ] && awk -v now="$start" -v before="$2" 'BEGIN { exit !(now > before) }'; }
case_the_start_time_tells_what_the_watchdog_restarted() {
    local before start changes='changes(ceymail_service_start_time_seconds{name="opendkim"}[10m])'
    before=$(start_of opendkim)
    [ -n "$before" ] || complain "no start time" || return
    sleep 7   # Prometheus has seen it
    inside systemctl kill --signal=KILL opendkim
    until_true 60 started_after opendkim "$before" || complain "before $before, now $start" || return
    expect "$(up opendkim 1)" || return
    until_true 20 prometheus_says "$changes" 1 || complain "$changes is $prometheus_said"
}

case_a_service_of_the_hosts_own_is_added_by_a_line() {
    local result=0
    script "$(set_key 'service = mission-control ceymail-mc.service')" && expect "$(up mission-control 0)" &&
        inside systemctl start ceymail-mc && expect "$(up mission-control 1)" || result=1
    script "systemctl stop ceymail-mc; $unset_key" && return $result
}

# --- cases: its queue --------------------------------------------------------------------------------------------

# No resolver answers here, so Postfix defers every message to another domain.
case_a_message_is_counted_on_its_way_from_maildrop_to_deferred() {
    local lines=() age result=0
    for age in 5m 1h 6h 1d 3d; do lines+=("ceymail_queue_deferred_older_than{age=\"$age\"} 0"); done
    inside systemctl stop postfix
    until_true 10 postfix_ended || complain "Postfix does not stop" || return
    script 'echo "Subject: of the tests" | sendmail -f postmaster@example.com somebody@nowhere.example 2>/dev/null'
    expect 'ceymail_queue_maildrop 1' 'ceymail_queue_incoming 0' || result=1
    script 'install -m 700 -o postfix /dev/null /var/spool/postfix/incoming/4Bf6nR1z'
    expect 'ceymail_queue_incoming 1' || result=1
    script 'rm /var/spool/postfix/incoming/4Bf6nR1z; systemctl start postfix'
    until_true 60 expect 'ceymail_queue_maildrop 0' 'ceymail_queue_deferred 1' "${lines[@]}" || result=1
    scrape | awk -v now="$EPOCHSECONDS" '/^ceymail_queue_oldest_deferred_timestamp_seconds / {
        found = 1; off = now - $2 } END { exit !(found && off >= 0 && off < 120) }' ||
        complain "the oldest one: $(scrape | grep oldest_deferred)" || result=1
    script 'postsuper -d ALL 2>/dev/null' && return $result
}
# On Debian 12 systemctl returns before the instance has ended.
postfix_ended() { ! inside postfix status >/dev/null 2>&1; }

# --- cases: signing in with the dashboard's session --------------------------------------------------------------

page_path=/settings/security/prometheus-metrics
# ID NAME ROLE SECONDS [SECRET]: a cookie as the dashboard makes it, that expires in so many seconds.
session() {
    local claims secret=${5:-}
    [ -n "$secret" ] || secret=$(inside sed -n 's/^SESSION_SECRET=//p' /var/lib/ceymail-mc/.env.local)
    claims=$(printf '{"userId":%s,"username":"%s","role":"%s","exp":%s}' "$1" "$2" "$3" $((EPOCHSECONDS + $4)) |
        base64 -w 0 | tr '+/' '-_' | tr -d =)
    printf 'mc-session=%s.%s' "$claims" "$(printf %s "$claims" | openssl dgst -sha256 -hmac "$secret" -r | cut -d' ' -f1)"
}
# COOKIE STATUS: what the page answers.
page_answers() {
    page_answered=$(on_site -o /dev/null -w '%{http_code}' -b "$1" $page_path)
    [ "$page_answered" = "$2" ] || complain "it answered $page_answered, not $2"
}
dashboard_knows() { [ "$(on_site -o /dev/null -w '%{http_code}' -b "$1" /api/auth/me)" = 200 ]; }

case_an_administrator_signs_in_with_the_dashboards_session() {
    local cookie page
    script "echo settings_session_secret = /var/lib/ceymail-mc/.env.local >>$conf
            ceymail-token init --settings
            systemctl daemon-reload
            systemctl enable --now ceymail-settings.socket
            ceymail-attach --settings" >"$work/words" 2>&1 || { cat "$work/words"; return 1; }
    cookie=$(session 1 amal admin 3600)
    dashboard_knows "$cookie" || complain "the dashboard does not take the cookie" || return
    until_true 10 page_answers "$cookie" 200 || return
    page=$(on_site -b "theme=dark; $cookie; other=1" $page_path)
    grep -q 'amal' <<<"$page" || complain "$page" || return
    remember_site site.attached && same_answers
}

case_no_other_session_signs_in() {
    local result=0 cookie
    page_answers 'theme=dark' 401 || result=1
    page_answers "$(session 1 amal admin -5)" 401 || result=1
    page_answers "$(session 1 amal admin 3600 "$(printf '0%.0s' {1..64})")" 401 || result=1
    page_answers "$(session 3 vihanga viewer 3600)" 403 || result=1
    page_answers "$(session 3 vihanga admin 3600)" 403 || result=1   # by a secret that leaked
    page_answers "$(session 3 amal admin 3600)" 401 || result=1
    cookie=$(session 1 amal admin 3600)
    page_answers "${cookie%?}" 401 || result=1
    page_answers "$cookie; $cookie" 401 || result=1
    return $result
}

case_the_token_of_the_page_scrapes_and_the_audit_log_names_the_user() {
    local cookie seal page got
    cookie=$(session 1 amal admin 3600)
    page=$(on_site -b "$cookie" "$page_path?confirm=generate")
    seal=$(grep -oP 'name="seal" value="\K[^"]+' <<<"$page") || complain "no form: $page" || return
    on_site -b "$cookie" -c /root/cookies -o /dev/null --data "action=generate&seal=$seal" $page_path
    inside sh -c "printf '%s' '$cookie; ' >/root/cookie; awk '\$6 == \"ceymail_once\" { print \$6 \"=\" \$7 }' /root/cookies >>/root/cookie"
    page=$(on_site -b "$(inside cat /root/cookie)" $page_path)
    grep -oP 'value="\Kceymail_[\w-]{43,}' <<<"$page" | sed 's/^/Authorization: Bearer /' |
        inside sh -c 'umask 077; cat >/root/header'
    inside test -s /root/header || complain "no token: $page" || return
    expect_code 200 || return
    got=$(inside mariadb -N -e 'SELECT user_id FROM ceymail_dashboard.audit_logs ORDER BY id DESC LIMIT 1')
    [ "$got" = 1 ] || complain "the audit log has user_id $got"
}

case_a_new_secret_of_the_dashboard_ends_old_sessions_and_starts_new_ones() {
    local old
    old=$(session 1 amal admin 3600)
    write_dashboard_secrets
    until_true 20 page_answers "$old" 401 || complain "the old session still holds: $page_answered" || return
    until_true 20 page_answers "$(session 1 amal admin 3600)" 200
}

# --- cases: trouble ----------------------------------------------------------------------------------------------

# As it is documented: both databases and the dashboard's secrets go, and the dashboard restarts.
factory_reset() {
    script 'mariadb -e "DROP DATABASE ceymail; DROP DATABASE ceymail_dashboard"
            rm /var/lib/ceymail-mc/config.json /var/lib/ceymail-mc/.env.local
            systemctl restart ceymail-dashboard'
}
generate() {
    script 'ceymail-token generate 2>/dev/null | sed "s/^/Authorization: Bearer /" >/root/header.new
            test -s /root/header.new; mv /root/header.new /root/header'
}

case_after_a_factory_reset_the_old_token_is_refused_and_a_new_one_scrapes() {
    local got said
    factory_reset || return
    until_true 10 refuses_the_token || complain "answered $got" || return
    write_dashboard_secrets && furnish_databases || return
    said=$(inside ceymail-metrics --check)
    grep -q 'ceymail-token init' <<<"$said" || complain "--check says: $said" || return
    inside ceymail-token init && generate && expect 'ceymail_database_up 1' 'ceymail_mailboxes_total 12' 'ceymail_attached 1' &&
        until_true 10 same_answers
}
refuses_the_token() { got=$(code); [ "$got" = 401 ] || [ "$got" = 503 ]; }

case_after_a_factory_reset_the_tables_come_back_and_a_new_token_scrapes() {
    local got said
    factory_reset || return
    until_true 10 answers_code 503 || complain "answered $got" || return
    write_dashboard_secrets && furnish_databases || return
    # The unit looks once a minute, and leaves tables alone that are younger than that.
    until_true 200 answers_code 401 || complain "answered $got; $(inside journalctl --no-pager -b -n 5 -u ceymail-metrics-init)" || return
    said=$(inside ceymail-metrics --check)
    grep -q 'there is no active token' <<<"$said" || complain "--check says: $said" || return
    generate && expect 'ceymail_database_up 1' 'ceymail_mailboxes_total 12' 'ceymail_attached 1' &&
        until_true 10 same_answers
}
answers_code() { got=$(code); [ "$got" = "$1" ]; }

case_a_restored_backup_brings_an_old_token_back_and_check_says_so() {
    local said created result=0
    backup && inside cp /root/header /root/header.old && sleep 1.1 && generate && expect_code 200 || return
    created=$(scrape | sed -n 's/^ceymail_token_created_timestamp_seconds //p')
    script 'tar -xzOf $(ls -t /var/backups/ceymail/*.tar.gz | head -n 1) ./databases.sql | mariadb; cp /root/header.old /root/header'
    expect_code 200 || return
    scrape | awk -v before="$created" '/^ceymail_token_created_timestamp_seconds / { now = $2 } END { exit !(now && now < before) }' ||
        complain "the creation time does not go backwards: $created, $(scrape | grep token_created)" || result=1
    said=$(inside ceymail-metrics --check)
    grep -q 'an old one that came back' <<<"$said" || complain "--check says: $said" || result=1
    generate && expect_code 200 && inside ceymail-metrics --check || result=1
    return $result
}

# The watchdog may be faster than the cache: it starts when the crash was seen.
case_a_crashed_postfix_is_seen_although_the_watchdog_restarts_it() {
    local result=0
    script 'systemctl stop ceymail-watchdog.timer; kill -9 $(cat /var/spool/postfix/pid/master.pid)'
    expect "$(up postfix 0)" || result=1
    inside systemctl start ceymail-watchdog.timer
    until_true 60 expect "$(up postfix 1)" && return $result
}

# --- cases: over time --------------------------------------------------------------------------------------------

# The metric comes with the first look at the site, half a minute after the boot.
case_attached_after_a_reboot() {
    reboot_machine || complain "it does not reboot" || return
    expect "$(up postfix 1)" "$(up "$(label_of_web_server)" 1)" 'ceymail_database_up 1' && same_answers || return
    until_true 60 expect 'ceymail_attached 1'
}

case_attached_after_an_upgrade() {
    upgrade && expect "ceymail_build_info{version=\"$next_version\"} 1" 'ceymail_attached 1' && site_is site.attached || return
    run_installer || return
    until_true 90 attached_again || complain "not attached: $(cat "$work/words"); $(attach_log)"
}

# The stand-in logs it. (It is given the token by whoever scrapes while the site is not attached.)
given_to_dashboard() { inside journalctl --no-pager -q -b -o cat -u ceymail-dashboard | grep -c Authorization; }
case_the_dashboard_is_not_given_the_token() {
    local before after
    before=$(given_to_dashboard)
    expect_code 200
    sleep 1
    after=$(given_to_dashboard)
    [ "$before" = "$after" ] || complain "it was given the token $((after - before)) times"
}

case_purged_it_leaves_the_site_as_it_was() {
    inside env DEBIAN_FRONTEND=noninteractive apt-get purge -y -q ceymail-metrics >"$work/purge" 2>&1 || { cat "$work/purge"; return 1; }
    site_is site.before || complain "$(inside diff /root/site.before "$site")" || return
    # What the web server runs with now, and what it starts with.
    dashboard_has_the_endpoint && same_answers && script "systemctl restart $web_server" && dashboard_has_the_endpoint &&
        same_answers || return
    script 'for path in /etc/ceymail-metrics /run/ceymail-metrics /run/ceymail-attach /var/lib/ceymail-metrics /var/lib/ceymail-attach; do
                test ! -e $path || { find $path; exit 1; }; done
            ! find /etc/nginx /etc/apache2 /etc/systemd /run/systemd -name "*ceymail-metrics*" -o -name "*ceymail-attach*" \
                -o -name "*ceymail-settings*" 2>/dev/null | grep .'
}

case_purged_it_leaves_the_installers_rewrite_alone() {
    run_installer || return
    sleep 10
    site_is site.before && same_answers
}
