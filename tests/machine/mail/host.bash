# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# HOST=mail: a mail host with Postfix, Dovecot and what belongs to them. Each case does something and keeps book of it;
# then each counter of the mail metrics must have risen by what is in the book, and no other one. The lines come by
# rsyslog, or with LOG=journal from the journal alone.
# Sourced by ../run after ../machine.bash and ../cases.bash, some of whose functions it replaces.
# shellcheck disable=SC2154,SC2034,SC2016,SC2015
log=${LOG:-rsyslog}
next_version=

case $log in
rsyslog | journal) ;;
*) echo "check-machine: LOG=$log is neither rsyslog nor journal" >&2; take_disk_away; exit 64 ;;
esac

machine_packages() { packages_in "$here/packages" "$here/mail/packages" | grep -vx apache2; }

furnish_machine() {
    say "furnishing it as a mail host"
    script 'mkdir -p /etc/ssl/ceymail
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mail.example.test \
            -addext subjectAltName=DNS:mail.example.test \
            -keyout /etc/ssl/ceymail/key.pem -out /etc/ssl/ceymail/cert.pem 2>/dev/null
        cat >/etc/nginx/sites-enabled/ceymail <<END
server {
    listen 443 ssl;
    server_name mail.example.test;
    ssl_certificate /etc/ssl/ceymail/cert.pem;
    ssl_certificate_key /etc/ssl/ceymail/key.pem;
}
END
        touch /var/log/auth.log   # without it fail2ban does not start, and rsyslog makes it at the first line
        systemctl restart nginx
        rm -rf /opt/mail-of-tests
        mkdir /opt/mail-of-tests' &&
        tar -C "$here/mail" -c furnish world.py sessions.py book.py cases.py | inside tar -C /opt/mail-of-tests -x --no-same-owner &&
        inside /opt/mail-of-tests/furnish >"$work/furnish.log" 2>&1 || { tail -n 5 "$work/furnish.log" >&2; return 1; }
    sample dashboard
}

deeds() { grep -oP '^def \Kcase_[a-z0-9_]+' "$here/mail/cases.py"; }
cases() {
    printf '%s\n' case_the_three_commands_of_the_readme case_the_line_for_nginx case_the_book_is_opened
    deeds
}

# NAME: does it, and compares. What differs is printed last.
kept() {
    inside /opt/mail-of-tests/cases.py "$log" "$1" >"$work/deed" 2>&1 || { cat "$work/deed"; return 1; }
}
for deed in $(deeds); do eval "$deed() { kept ${deed#case_}; }"; done

# As on a host where it never was.
without_rsyslog() {
    script "systemctl stop $service
        systemctl disable --now --quiet syslog.socket rsyslog 2>/dev/null || systemctl stop rsyslog
        rm -f /var/log/mail.log* /run/ceymail-metrics/mail-log
        systemctl start $service"
}

case_the_book_is_opened() {
    [ "$log" = rsyslog ] || without_rsyslog || return
    script "sed -i 's/^#* *cache_ttl .*//' $conf; echo 'cache_ttl = 0' >>$conf
        systemctl restart $service" &&
        expect 'ceymail_mail_log_unparsed_lines_total{program="none"} 0' && kept begin
}
