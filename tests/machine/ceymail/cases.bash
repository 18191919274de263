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

