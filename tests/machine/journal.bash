# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A Debian as it is installed, without rsyslog: the mail log is systemd's journal. Sourced by cases.bash.
# shellcheck disable=SC2154,SC2016

metric() { scrape | awk -v name="$1" '$1 == name { print $2 }'; }
is_metric() { [ "$(metric "$1")" = "$2" ]; }

# As on a host where it was never installed: no file, and no position in one.
take_rsyslog_away() {
    inside systemctl stop "$service" &&
        script 'systemctl disable --now -q syslog.socket rsyslog.service 2>/dev/null || systemctl stop rsyslog.service
            rm -f /var/log/mail.log* /run/ceymail-metrics/mail-log; systemctl start postfix' &&
        inside systemctl start "$service" && settled
}
bring_rsyslog_back() {
    script 'systemctl enable --now -q rsyslog.service; systemctl start syslog.socket 2>/dev/null || :; systemctl start rsyslog.service'
}

local_deliveries='ceymail_mail_recipients_total{transport="local",status="sent"}'

# NUMBER messages to a mailbox of this machine.
deliver() {
    script '
        for i in $(seq '"$1"'); do printf "Subject: %s\n\nhello\n" "$i" | sendmail -f root@localhost root@localhost; done'
}
delivered() { until_true 30 is_metric "$local_deliveries" "$1" || complain "$local_deliveries is $(metric "$local_deliveries"), not $1"; }

count_from_the_journal() {
    take_rsyslog_away || return
    until_true 10 is_metric ceymail_mail_log_unread_seconds 0 || complain "the journal is not read" || return
    inside test ! -e /var/log/mail.log || complain "there is a mail.log" || return
    inside pgrep -x ceymail-journal || complain "the journal is read, and no journal reader runs" || return
    deliver 3 && delivered 3 || return
    # A line of a local user, and of the web server's user in a unit of its own, who waits until journald has looked.
    script '
        line="9767E1786E4: to=<a@example.org>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (delivered to mailbox)"
        runuser -u nobody -- logger -p mail.info -t "postfix/local[9]" "$line"
        systemd-run --quiet --wait -p User=www-data python3 -c "import socket, sys, time
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.connect(\"/dev/log\")
log.send(b\"<22>postfix/local[9]: \" + sys.argv[1].encode())
time.sleep(1)" "$line"
        journalctl --sync' || return
    deliver 1 && delivered 4 || return
    is_metric ceymail_mail_log_foreign_lines_total 2 ||
        complain "foreign lines: $(metric ceymail_mail_log_foreign_lines_total), not 2" || return
    # journald compresses it: in its sandbox libsystemd must find the library for that. Root's lines count.
    script 'logger -p mail.info -t "postfix/local[9]" "9767E1786E4: to=<a@example.org>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (delivered to command: $(printf %0999d 0))"' &&
        delivered 5 || return
    # The service is down while mail is delivered and the journal begins other files.
    inside systemctl stop "$service" && deliver 2 && inside journalctl --rotate && inside systemctl start "$service" &&
        delivered 7 || return
    is_metric ceymail_mail_log_gaps_total 0 || complain "gaps: $(metric ceymail_mail_log_gaps_total)" || return
    bring_rsyslog_back || return
    deliver 1 && delivered 8 || return
    until_true 10 is_metric ceymail_mail_log_unread_bytes 0 || complain "the file is not read" || return
    deliver 2 && delivered 10 || return
    sleep 1
    delivered 10
}

check_tells_of_the_journal() {
    take_rsyslog_away || return
    local text
    text=$(inside ceymail-metrics --check 2>&1)
    bring_rsyslog_back
    grep -q '^mail log: ok (there is no /var/log/mail.log; read from the journal)' <<<"$text" || { grep -i 'mail' <<<"$text"; complain "--check does not say that the journal is read"; }
}
