# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# HOST=first-hour: a CeyMail host (../ceymail), on which an administrator follows the README and the manual pages alone:
# each command in its order. The first that fails, or does not print what the text says, ends it.
# Sourced by ../run after ../machine.bash and ../cases.bash.
# shellcheck disable=SC2154,SC2034
source "$here/ceymail/host.bash"
next_version= stop_at_failure=yes
steps=$work/first-hour

rm -rf "$steps"
mkdir -p "$steps"
"$here/first-hour/steps" "$steps" "$here/../../README.md" "$here"/../../deploy/man/*.8 >"$work/left-out" || exit

# The token of the README is for a Prometheus on another host, that of ceymail-token(8) for one on this host.
eval "furnish_$(declare -f furnish_machine)"
furnish_machine() {
    furnish_furnish_machine && script 'useradd --system prometheus; mkdir -p /etc/prometheus'
}

cases() {
    local step
    for step in "$steps"/*; do
        step=${step##*/}
        [ "${step#*-}" = yaml ] && echo "case_a_prometheus_scrapes_by_the_configuration_of_the_README" && continue
        echo "case_${step//-/_}"
    done
    echo case_at_the_end_prometheus_on_this_host_scrapes
    sed 's/^/        /' "$work/left-out" >&2
}

# FILE: by the shell of the administrator, in the directory with the package.
follow_step() {
    local wanted=() words
    IFS=$'\t' read -ra wanted < <(sed -n '1s/^# prints: *//p' "$1")
    inside bash -eo pipefail -c "cd /root; $(tail -n +2 "$1")" >"$work/words" 2>&1 || { cat "$work/words"; return 1; }
    for words in "${wanted[@]}"; do
        grep -qF -- "$words" "$work/words" || complain "it does not print: $words; but: $(cat "$work/words")" || return
    done
    # It is printed once; so the administrator keeps it now.
    ! grep -qE '^ceymail_[A-Za-z0-9_-]{43,}$' "$work/words" ||
        grep -oE '^ceymail_[A-Za-z0-9_-]{43,}$' "$work/words" | sed 's/^/Authorization: Bearer /' |
        inside sh -c 'umask 077; cat >/root/header'
}
for step in "$steps"/*; do
    name=${step##*/}
    [ "${name#*-}" = yaml ] || eval "case_${name//-/_}() { follow_step '$step'; }"
done

# The names of this host, and its authority, are not those of the README.
prometheus_configuration() {
    sed -e "s#/etc/prometheus/ceymail.token#$1/token#; s#mail.example.org#$dashboard_domain#" \
        -e "s#^\( *\)scheme: https#&\n\1tls_config: { ca_file: $1/ca.pem }#" "$steps"/*-yaml
}
case_a_prometheus_scrapes_by_the_configuration_of_the_README() {
    start_prometheus && until_true 40 prometheus_says up 1 ||
        complain "up is $prometheus_said; $(tail -n 3 "$work/prometheus.log")" || return
    until_true 20 prometheus_says ceymail_mailboxes_total 12 || complain "mailboxes: $prometheus_said"
}

case_at_the_end_prometheus_on_this_host_scrapes() {
    inside sh -c 'umask 077; sed "s/^/Authorization: Bearer /" /etc/prometheus/ceymail.token >/root/header' &&
        [ "$(inside stat -c %U /etc/prometheus/ceymail.token)" = prometheus ] &&
        expect 'ceymail_database_up 1' 'ceymail_mailboxes_total 12'
}
