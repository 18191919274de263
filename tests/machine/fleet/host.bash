# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# HOST=fleet: the role of deploy/ansible against the machine, which has nothing of ours yet, with this system as the
# Prometheus host; then the recipes of the README for many hosts, with the machine in all their parts. Sourced by ../run after ../machine.bash and ../cases.bash, some of whose functions it replaces.
# shellcheck disable=SC2154,SC2034,SC2016
cases() { grep -oE '^case_[a-z0-9_]+' "$here/fleet/host.bash"; }
machine_packages() { packages_in "$here/packages" "$here/fleet/packages"; }

# The names of the README's examples lead here, over a certificate that the machine trusts.
eval "base_$(declare -f furnish_machine)"
furnish_machine() {
    base_furnish_machine && script '
        cd /etc/ssl/ceymail
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mail.example.test \
            -addext subjectAltName=DNS:mail.example.test,DNS:mail.example.org,DNS:metrics.example.org \
            -keyout key.pem -out cert.pem 2>/dev/null
        cp cert.pem /usr/local/share/ca-certificates/example.crt
        update-ca-certificates >/dev/null 2>&1
        echo "127.0.0.1 mail.example.org metrics.example.org" >>/etc/hosts
        hostname mail.example.org
        sed -i "s/server_name mail.example.test/& mail.example.org metrics.example.org/" /etc/nginx/sites-enabled/ceymail
        systemctl restart nginx'
}

role=$(cd "$here/../../deploy/ansible" && pwd)
lists=$work/fleet/lists
mkdir -p "$work/fleet"
rm -rf "$lists" && mkdir "$lists"

new_token() { printf 'ceymail_metrics_%s' "$(head -c 32 /dev/urandom | base64 -w0 | tr '+/' '-_' | tr -d '=')"; }
digest_of() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }
first=$(new_token) next=$(new_token)

cat >"$work/fleet/inventory.yml" <<END
all:
  vars:
    ansible_python_interpreter: /usr/bin/python3
  children:
    mail:
      hosts:
        mail.example.test:
          ansible_connection: machine
      vars:
        ceymail_metrics_package: $work/ceymail-metrics_${version}_$(dpkg --print-architecture).deb
        ceymail_metrics_site: /etc/nginx/sites-enabled/ceymail
        ceymail_metrics_settings: {cache_ttl: 2}
        ceymail_metrics_labels: {site: north}
        ceymail_metrics_prometheus_host: prometheus.example.test
        ceymail_metrics_prometheus_directory: $lists
    prometheus:
      hosts:
        prometheus.example.test:
          ansible_connection: local
          ansible_become: false
END

# The block of that NUMBER in the section "Many hosts", typed in one home; a host that is reached by ssh is this one.
many_hosts_block() {
    awk -v fence="\`\`\`$1" -v number="$2" '
        /^## / { section = $0 }
        section != "## Many hosts" { next }
        $0 == "```" { inside = 0 }
        inside && block == number { print }
        $0 == fence { inside = 1; block++ }' "$here/../../README.md"
}
follow() { # NUMBER WORDS: WORDS stand in it, so that it is the one that is meant
    follow_with -e "$@"
}
# As in a terminal, where the next command runs after one that failed.
follow_again() { # NUMBER WORDS
    follow_with +e "$@"
}
follow_with() { # -e|+e NUMBER WORDS
    local text
    text=$(many_hosts_block sh "$2")
    grep -qF -- "$3" <<<"$text" || complain "block $2 of the README does not have: $3" || return
    inside bash "$1" -c "cd /root; ssh() { shift; \"\$@\"; }; $text" 2>&1
}

# TOKEN ARGUMENT...: applies the role with the token's digest, as an administrator would.
play() {
    local token=$1
    shift
    # Its temporary files and caches stay here.
    (cd "$role" && HOME=$work/fleet MACHINE_LEADER=$leader_file ANSIBLE_CONNECTION_PLUGINS=$here/fleet/connection_plugins \
        ANSIBLE_NOCOLOR=1 ANSIBLE_RETRY_FILES_ENABLED=0 ansible-playbook -i "$work/fleet/inventory.yml" site.yml \
        -e "ceymail_metrics_token_sha256=$(digest_of "$token")" "$@") >"$work/fleet/words" 2>&1 ||
        { cat "$work/fleet/words"; return 1; }
}
changed() { sed -n 's/^mail.example.test .* changed=\([0-9]*\) .*/\1/p' "$work/fleet/words"; }
expect_unchanged() { [ "$(changed)" = 0 ] || { cat "$work/fleet/words"; complain "changed: $(changed)"; }; }

# TOKEN CODE
answers() {
    printf 'Authorization: Bearer %s\n' "$1" | inside sh -c 'umask 077; cat >/root/header'
    expect_code "$2"
}

case_the_role_passes_ansible_lint() {
    (cd "$role" && HOME=$work/fleet ansible-lint --offline --nocolor -q site.yml inventory.yml roles/ceymail_metrics) &&
        (cd "$role" && HOME=$work/fleet ansible-playbook -i inventory.yml site.yml --syntax-check)
}

case_check_mode_on_a_host_that_has_nothing_changes_nothing() {
    play "$first" --check || return
    [ "$(changed)" -gt 0 ] || complain "check mode does not say that there is something to do" || return
    ! inside test -e /usr/sbin/ceymail-token && ! inside test -e /var/cache/ceymail-metrics.deb && [ -z "$(ls "$lists")" ]
}

case_a_token_in_the_place_of_its_digest_is_refused() {
    ! play "$first" -e "ceymail_metrics_token_sha256=$first" >"$work/fleet/refused" || complain "accepted" || return
    grep -q 'not to the token' "$work/fleet/refused" || { cat "$work/fleet/refused"; return 1; }
    ! inside test -e /usr/sbin/ceymail-token
}

case_one_run_installs_attaches_adopts_and_lists_the_host() {
    play "$first" || return
    answers "$first" 200 || return
    inside grep -qx 'cache_ttl = 2' /etc/ceymail-metrics/ceymail-metrics.conf || complain "not configured" || return
    inside ceymail-attach --check --site /etc/nginx/sites-enabled/ceymail || return
    grep -q '"mail.example.test"' "$lists/current/mail.example.test.yml" &&
        grep -q '"site": "north"' "$lists/current/mail.example.test.yml" && [ -z "$(ls "$lists/next")" ]
}

case_prometheus_takes_what_the_role_wrote() {
    printf 'scrape_configs:\n- {job_name: ceymail, file_sd_configs: [{files: ["%s/current/*.yml", "%s/next/*.yml"]}]}\n' "$lists" "$lists" \
        >"$work/fleet/prometheus.yml"
    promtool check config "$work/fleet/prometheus.yml"
}

case_the_second_run_changes_nothing() { play "$first" && expect_unchanged; }

case_check_mode_then_finds_nothing_to_do() { play "$first" --check && expect_unchanged; }

case_check_mode_tells_that_another_token_would_be_adopted() {
    play "$next" --check && [ "$(changed)" = 1 ] || { cat "$work/fleet/words"; complain "changed: $(changed)"; } || return
    answers "$first" 200
}

case_the_next_token_moves_the_host_to_the_other_list() {
    play "$next" -e ceymail_metrics_list=next || return
    [ -z "$(ls "$lists/current")" ] && [ -e "$lists/next/mail.example.test.yml" ] || complain "in the wrong list" || return
    answers "$first" 401 && answers "$next" 200
}

case_the_second_run_with_it_changes_nothing() { play "$next" -e ceymail_metrics_list=next && expect_unchanged; }

case_the_way_back_to_one_list_moves_it_alone() {
    play "$next" || return
    [ "$(changed)" = 1 ] && [ -e "$lists/current/mail.example.test.yml" ] && [ -z "$(ls "$lists/next")" ] &&
        answers "$next" 200
}

# The header of this test's own scrapes is the only file that has one.
case_no_token_is_on_the_host() {
    local found
    inside rm /root/header
    found=$(inside sh -c "journalctl --no-pager | grep -cF -e '$first' -e '$next'")
    [ "$found" = 0 ] || complain "the journal has a token" || return
    # Files of the last hour: all that the role can have written. The pattern comes by standard input, not by arguments.
    found=$(printf '%s\n%s\n' "$first" "$next" |
        inside sh -c 'cat >/dev/shm/tokens; find / -xdev -mmin -60 -type f -print0 | xargs -0 grep -lF -f /dev/shm/tokens; rm /dev/shm/tokens')
    [ -z "$found" ] || complain "a token is in $found"
}

case_the_push_units_are_installed_and_off() {
    local unit
    for unit in ceymail-push ceymail-push-prometheus; do
        inside systemctl cat $unit >/dev/null || return
        ! inside systemctl is-enabled --quiet $unit && ! inside systemctl is-active --quiet $unit || complain "$unit is on" ||
            return
    done
}

# --- the README: one token for independent hosts -----------------------------------------------------------------

# URL QUERY: the value of its one sample.
value_at() {
    inside curl -sS --get --data-urlencode "query=$2" "$1/api/v1/query" | jq -r '.data.result[0].value[1] // empty'
}
prometheus_has() { [ "$(value_at http://127.0.0.1:9090 "$1")" = "$2" ]; }
is_up() { prometheus_has 'up{job="ceymail",instance="mail.example.org"} and on () (time() - timestamp(up{job="ceymail"}) < 16)' 1; }

case_the_readme_prepares_the_prometheus_host() {
    follow 1 'many-hosts.yml' || return
    inside promtool check config /etc/prometheus/prometheus.yml || return
    [ "$(inside stat -c '%U %a' /etc/prometheus/ceymail.token /etc/prometheus/ceymail.token.next | sort -u)" = "prometheus 600" ]
}

digests() { inside sha256sum /etc/prometheus/ceymail.sha256 /etc/prometheus/ceymail.token /etc/prometheus/ceymail.token.next; }

case_the_readme_may_be_followed_twice() {
    local before
    before=$(digests)
    inside sh -c 'echo "# mine" >>/etc/prometheus/ceymail-thresholds.rules.yml; echo "# mine" >>/etc/prometheus/prometheus.yml'
    follow 1 'many-hosts.yml' || return
    [ "$before" = "$(digests)" ] || complain "another token, or another digest" || return
    inside grep -q '# mine' /etc/prometheus/ceymail-thresholds.rules.yml.~1~ || return
    inside sh -c 'cat /etc/prometheus/prometheus.yml.~*' | grep -q '# mine' || complain "the configuration is lost"
}

case_the_readme_adds_a_host() {
    follow 2 'adopt' || return
    until_true 60 is_up || { inside curl -s http://127.0.0.1:9090/api/v1/targets; complain "it is not scraped"; }
}

case_the_readme_changes_the_token() {
    local before
    before=$(inside cat /etc/prometheus/ceymail.sha256)
    follow 4 'generate --detached' || return
    [ "$before" != "$(inside cat /etc/prometheus/ceymail.sha256)" ] || complain "the same digest" || return
    follow 5 'mv -n' || return
    until_true 60 prometheus_has 'count(up{job="ceymail"} == 1)' 1 || return
    inside test -e /etc/prometheus/ceymail/next/mail.example.org.yml
    sleep 31
    prometheus_has '(count_over_time(up{job="ceymail"}[5m]) - sum_over_time(up{job="ceymail"}[5m])) <= bool 1' 1 ||
        complain "more than one scrape failed" || return
    is_up || complain "not up after the change"
}

case_the_readme_makes_no_token_while_hosts_are_in_the_other_list() {
    local before
    before=$(digests)
    follow 4 'generate --detached' | grep -q 'must go back' || complain "it does not say why" || return
    [ "$before" = "$(digests)" ] || complain "hosts of the list next are refused"
}

case_the_readme_goes_back_to_one_list() {
    follow 6 'token.next' || return
    inside test -e /etc/prometheus/ceymail/current/mail.example.org.yml || return
    sleep 31
    is_up || complain "not up after the way back"
}

# --- the README: behind NAT ----------------------------------------------------------------------------------------

arrives() { [ "$(value_at http://127.0.0.1:8428 'up{job="ceymail",instance="mail.example.org"}')" = 1 ]; }

case_the_readme_makes_a_receiver() {
    inside systemctl stop prometheus   # the machine is the pushing host from now on
    follow 7 'htpasswd' || return
    many_hosts_block nginx 1 | inside sh -c 'cat >/root/line; sed -i "/server_name/r /root/line" /etc/nginx/sites-enabled/ceymail'
    inside nginx -t && inside systemctl reload nginx
}

case_the_readme_makes_a_host_push() {
    follow 8 'enable --now ceymail-push' || return
    until_true 90 arrives || { inside journalctl --no-pager -u ceymail-push | tail -n 5; complain "nothing arrives"; }
}

case_the_readme_of_a_pushing_host_may_be_followed_twice() {
    local before words
    inside sh -c 'echo "# mine" >>/etc/ceymail-metrics/push/vmagent.env'
    before=$(pushing_files)
    words=$(follow_again 8 'enable --now ceymail-push') || { echo "$words"; return 1; }
    grep -q 'is there already' <<<"$words" || { echo "$words"; complain "the token was made again"; } || return
    [ "$before" = "$(pushing_files)" ] || complain "files changed"
}
pushing_files() { inside find /etc/ceymail-metrics/push -type f -exec sha256sum {} + | sort; }  # sed makes new files in another order

case_the_pushing_unit_restarts_at_once_and_is_confined() {
    local started=$SECONDS
    inside systemctl restart ceymail-push || return
    [ $((SECONDS - started)) -le 5 ] || complain "$((SECONDS - started)) s" || return
    sleep 2
    inside systemctl is-active --quiet ceymail-push || return
    inside systemd-analyze security --threshold=20 ceymail-push ceymail-push-prometheus >/dev/null || return
    ! inside sh -c 'tr "\0" "\n" </proc/$(systemctl show -P MainPID ceymail-push)/environ | grep -qF -f /root/mail.example.org.password' ||
        complain "the password is in the environment"
}

case_the_agent_pushes_in_its_place() {
    inside systemctl start ceymail-push-prometheus || return
    ! inside systemctl is-active --quiet ceymail-push || complain "both run" || return
    until_true 60 agent_has_sent || { inside journalctl --no-pager -u ceymail-push-prometheus | tail -n 5; return 1; }
}
agent_has_sent() {
    inside curl -s http://127.0.0.1:9099/metrics |
        awk '/^prometheus_remote_storage_bytes_total\{/ { sent = $2 }
            /^prometheus_remote_storage_samples_failed_total\{/ { failed = $2 }
            END { exit !(sent > 0 && failed == 0) }'
}

case_the_readme_stops_the_database_that_comes_with_the_pusher() {
    follow 9 'disable --now victoria-metrics' || return
    ! inside systemctl is-active --quiet victoria-metrics || complain "it runs"
}
