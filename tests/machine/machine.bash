# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The machine: made, booted, spoken to, stopped. Sourced by run, which sets build, work, suite and here.
# shellcheck disable=SC2154,SC2015
leader_file=$work/leader
nspawn_file=$work/nspawn
root=$(mktemp -d "$work/root.XXXXXX")

say() { printf 'machine: %s\n' "$*" >&2; }

# A command in the machine, or a script for its shell.
inside() { nsenter -t "$(cat "$leader_file")" -m -u -i -n -p --root --wdns=/ -- "$@"; }
script() { inside bash -euo pipefail -c "$1"; }

# The package as it is, and as it will be next time.
prepare_packages() {
    local version
    for version in "$@"; do
        say "building the package, version $version"
        "$here/../../deploy/package" "$version" "$build" "$work" >"$work/package.log" 2>&1 ||
            { say "no package; look at $work/package.log"; return 1; }
    done
    g++ -std=c++20 -O1 -Wall -Wextra -o "$work/probe" "$here/probe.cpp" \
        -I/usr/include/mariadb -lmariadb
}

prepare_root() {
    local packages archive
    packages=$(grep -v '^#' "$here/packages" | paste -sd,)
    archive=$work/$suite-$(printf '%s' "$packages" | md5sum | cut -c1-8).tar
    if [ ! -s "$archive" ]; then
        say "installing $suite, once; kept as $archive"
        mmdebstrap --quiet --variant=minbase --include="$packages" "$suite" "$archive.part" >"$work/mmdebstrap.log" 2>&1 &&
            mv "$archive.part" "$archive" || { say "no root; look at $work/mmdebstrap.log"; return 1; }
    fi
    tar -C "$root" -xf "$archive"
}

# Landlock is younger than what nspawn lets through by itself.
boot_machine() {
    setsid systemd-nspawn --quiet --boot --register=no --keep-unit --private-network --machine=ceymail-machine \
        --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" \
        --console=pipe --directory="$root" </dev/null >>"$work/console.log" 2>&1 &
    echo $! >"$nspawn_file"
    wait_for_boot
}

wait_for_boot() {
    local leader state
    for _ in $(seq 240); do
        sleep 0.5
        leader=$(pgrep -P "$(cat "$nspawn_file")" | head -n 1) || continue
        echo "$leader" >"$leader_file"
        state=$(inside systemctl is-system-running 2>/dev/null)
        case $state in running | degraded) return 0 ;; esac
    done
    say "the machine does not boot; look at $work/console.log"
    return 1
}

stop_machine() {
    [ -s "$nspawn_file" ] || return 0
    local pid
    pid=$(cat "$nspawn_file")
    inside systemctl poweroff --force >/dev/null 2>&1
    for _ in $(seq 40); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.5
    done
    kill -9 "$pid" 2>/dev/null
    rm -f "$nspawn_file" "$leader_file"
}

# With --keep-unit nspawn ends when it is told to reboot: whoever started it starts it again.
reboot_machine() {
    local pid
    pid=$(cat "$nspawn_file")
    inside systemctl reboot
    for _ in $(seq 120); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.5
    done
    boot_machine
}

# What CeyMail and its administrator have done before: databases, a site with https on nginx, Apache on other ports.
furnish_machine() {
    say "furnishing it as a CeyMail host"
    script '
        mkdir -p /etc/ssl/ceymail
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mail.example.test \
            -addext subjectAltName=DNS:mail.example.test \
            -keyout /etc/ssl/ceymail/key.pem -out /etc/ssl/ceymail/cert.pem 2>/dev/null
        sed -i "s/Listen 80$/Listen 8080/; s/Listen 443$/Listen 8443/" /etc/apache2/ports.conf
        sed -i "s/:80>/:8080>/" /etc/apache2/sites-available/000-default.conf
        a2enmod -q ssl
        cat >/etc/nginx/sites-enabled/ceymail <<END
server {
    listen 443 ssl;
    server_name mail.example.test;
    ssl_certificate /etc/ssl/ceymail/cert.pem;
    ssl_certificate_key /etc/ssl/ceymail/key.pem;
}
END
        cat >/etc/apache2/sites-enabled/ceymail.conf <<END
<VirtualHost *:8443>
    ServerName mail.example.test
    SSLEngine on
    SSLCertificateFile /etc/ssl/ceymail/cert.pem
    SSLCertificateKeyFile /etc/ssl/ceymail/key.pem
</VirtualHost>
END
        systemctl reload nginx
        systemctl restart apache2' &&
        sample dashboard
}

# The tables of the dashboard or of the mail system, from the miniature's sample.
sample() {
    awk -v want="$1" 'BEGIN { RS = ";\n" }
        { its = /ceymail_dashboard/ ? "dashboard" : "mail" }
        its == want { print $0 ";" }' "$here/../../deploy/miniature/sample.sql" | inside mariadb
}
