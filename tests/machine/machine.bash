# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The machine: made, booted, spoken to, stopped. Sourced by run, which sets build, work, suite and here.
# shellcheck disable=SC2154,SC2015
leader_file=$work/leader
nspawn_file=$work/nspawn
own_suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
memory=$(mktemp -d "$work/memory.XXXXXX")
root=$memory/root

say() { printf 'machine: %3d s: %s\n' "$SECONDS" "$*" >&2; }

# COMMAND, until it succeeds, for up to SECONDS.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

# A command in the machine, or a script for its shell.
inside() { nsenter -t "$(cat "$leader_file")" -m -u -i -n -p --root --wdns=/ -- "$@"; }
script() { inside bash -euo pipefail -c "$1"; }

# --- made --------------------------------------------------------------------------------------------------------

# NAME PACKAGE...: a directory with a Debian of that suite, made where there is none yet of just these packages; its path
# is printed. Nobody misses what a power cut would take, so nothing waits for the disk; nor documentation.
fresh_root() {
    local name=$1 directory sources=() fast=(--hook-dir=/usr/share/mmdebstrap/hooks/eatmydata)
    shift
    directory=$work/$name-$(printf '%s\n' "$@" | md5sum | cut -c1-8)
    if [ ! -d "$directory" ]; then
        say "installing $suite in $directory, once"
        rm -rf --one-file-system "$directory.part"
        "$here/archives" "$suite" "$work/keys" >"$directory.sources" || return
        [ ! -s "$directory.sources" ] || sources=("$directory.sources")
        # The hook does not understand apt's answer for Ubuntu.
        ! grep -q ubuntu "$directory.sources" || fast=(--dpkgopt=force-unsafe-io)
        [ "$suite" != bullseye ] || fast+=(--aptopt='APT::Default-Release "bullseye"')
        mmdebstrap --quiet --format=directory --variant=minbase "${fast[@]}" \
            --dpkgopt='path-exclude=/usr/share/doc/*' \
            --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-include=/usr/share/doc/ceymail*' \
            "${@/#/--include=}" "$suite" "$directory.part" "${sources[@]}" >"$directory.log" 2>&1 &&
            mv "$directory.part" "$directory" || { say "no root; look at $directory.log"; return 1; }
    fi
    echo "$directory"
}

# FILE...: the packages of this suite; a line may begin with the suites that it is for: [jammy noble].
packages_in() {
    sed 's/#.*//; s/ | .*//; /^ *$/d' "$@" | awk -v suite="$suite" '
        /^\[/ { split($0, part, /[][]/); if (index(" " part[2] " ", " " suite " ") == 0) next; $0 = part[3] }
        { print $1 }'
}

machine_packages() { packages_in "$here/packages"; }

prepare_root() {
    local packages
    mapfile -t packages < <(machine_packages)
    fresh_root "$suite" "${packages[@]}" >"$work/fresh"
}

# The package as it is, and as it will be next time; and the probe. Built for the suite, in a root of its own where
# that is another one than ours.
prepare_packages() {
    local version in_suite=() tree=$build packages build_root library_root compiler=()
    if [ "$suite" != "$own_suite" ]; then
        mapfile -t packages < <(packages_in "$here"/../../deploy/dependencies/{build,package}.packages)
        if [ "$suite" = bullseye ]; then
            packages+=(clang-19)
            library_root=$(suite=bookworm fresh_root bookworm-library libstdc++-12-dev) || return
            compiler=(--bind-ro="$library_root:/opt/debian-12" --bind-ro="$here/bullseye:/opt/bullseye"
                --setenv=CXX=/opt/bullseye/c++)
        fi
        build_root=$(fresh_root "$suite-build" "${packages[@]}") || return
        tree=$work/$suite
        mkdir -p "$tree"
        in_suite=(systemd-nspawn --quiet --register=no --keep-unit --private-network --pipe
            --directory="$build_root" --bind="$work" --bind-ro="$here" "${compiler[@]}" --)
    fi
    for version in "$@"; do
        say "building the package, version $version"
        WITHIN="${in_suite[*]}" "$here/../../deploy/package" "$version" "$tree" "$work" >"$work/package.log" 2>&1 ||
            { say "no package; look at $work/package.log"; return 1; }
    done
    "${in_suite[@]}" g++ -std=c++20 -O1 -Wall -Wextra -o "$work/probe" "$here/probe.cpp" \
        -I/usr/include/mariadb -lmariadb
}

# --- booted ------------------------------------------------------------------------------------------------------

# What the machine writes stays in memory: nothing of it outlives the run, and fsync(2) costs nothing.
furnish_disk() {
    mount -t tmpfs -o mode=755 ceymail-machine "$memory" &&
        mkdir "$memory/upper" "$memory/work" "$root" &&
        mount -t overlay -o "lowerdir=$(cat "$work/fresh"),upperdir=$memory/upper,workdir=$memory/work" \
            ceymail-machine "$root" || say "cannot mount the machine's disk; this takes root and overlayfs"
}

take_disk_away() {
    mountpoint -q "$root" && umount -R "$root"
    mountpoint -q "$memory" && umount "$memory"
    rmdir "$memory"
}

# Landlock is younger than what nspawn lets through by itself. Version 2 of cgroups is what a Debian has by itself, and
# the only one that systemd 257 knows, whatever there is around it.
boot_machine() {
    enter_own_groups && SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 \
        exec setsid systemd-nspawn --quiet --boot --register=no --keep-unit --private-network \
        --machine="ceymail-machine-$$" \
        --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" \
        --console=pipe --directory="$root" </dev/null >>"$work/console.log" 2>&1 &
    echo $! >"$nspawn_file"
    until_true 120 has_booted && return 0
    say "the machine does not boot; look at $work/console.log"
    return 1
}

# The control groups of the machine, where nspawn makes its own: of version 2, and of systemd in a hybrid of both.
# Another machine that runs at this time would be in the same groups, name for name, and its services look alive here.
own_groups() {
    local tree
    tree=$(findmnt -nt cgroup2 -o TARGET | head -n 1)
    [ -z "$tree" ] || echo "$tree$(sed -n 's/^0:://p' /proc/$$/cgroup)/ceymail-machine-$$"
    tree=$(findmnt -nt cgroup -O name=systemd -o TARGET | head -n 1)
    [ -z "$tree" ] || echo "$tree$(sed -n 's/^[0-9]*:name=systemd://p' /proc/$$/cgroup)/ceymail-machine-$$"
}
enter_own_groups() {
    local group
    for group in $(own_groups); do mkdir -p "$group" && echo 0 >"$group/cgroup.procs" || return; done
}
remove_own_groups() {
    local group
    for group in $(own_groups); do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; done
}

has_booted() {
    pgrep -P "$(cat "$nspawn_file")" | head -n 1 >"$leader_file"
    [ -s "$leader_file" ] || return
    case $(inside systemctl is-system-running --wait 2>/dev/null) in running | degraded) return 0 ;; esac
    return 1
}

has_ended() { ! kill -0 "$(cat "$nspawn_file")" 2>/dev/null; }

stop_machine() {
    [ -s "$nspawn_file" ] || return 0
    inside systemctl poweroff --force --force >/dev/null 2>&1
    until_true 20 has_ended || kill -9 "$(cat "$nspawn_file")" 2>/dev/null
    rm -f "$nspawn_file" "$leader_file"
    until_true 5 remove_own_groups
}

# With --keep-unit nspawn ends when it is told to reboot: whoever started it starts it again.
reboot_machine() {
    inside systemctl reboot
    until_true 60 has_ended && boot_machine
}

# What CeyMail and its administrator have done before: databases, a site with https on nginx, Apache on other ports.
furnish_machine() {
    say "furnishing it as a CeyMail host"
    script '
        mkdir -p /etc/ssl/ceymail
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mail.example.test \
            -addext subjectAltName=DNS:mail.example.test \
            -keyout /etc/ssl/ceymail/key.pem -out /etc/ssl/certs/ceymail.pem 2>/dev/null
        ln -s ../certs/ceymail.pem /etc/ssl/ceymail/cert.pem
        sed -i "s/Listen 80$/Listen 8080/; s/Listen 443$/Listen 8443/" /etc/apache2/ports.conf
        sed -i "s/:80>/:8080>/" /etc/apache2/sites-available/000-default.conf
        a2enmod -q ssl proxy proxy_http proxy_wstunnel rewrite headers
        cat >/etc/nginx/sites-enabled/ceymail <<END
server {
    listen 443 ssl;
    server_name mail.example.test;
    ssl_certificate /etc/ssl/certs/ceymail.pem;
    ssl_certificate_key /etc/ssl/ceymail/key.pem;
}
END
        cat >/etc/apache2/sites-enabled/ceymail.conf <<END
<VirtualHost *:8443>
    ServerName mail.example.test
    SSLEngine on
    SSLCertificateFile /etc/ssl/certs/ceymail.pem
    SSLCertificateKeyFile /etc/ssl/ceymail/key.pem
    Header always set X-Content-Type-Options nosniff
    RewriteEngine On
    RewriteCond %{HTTP:Upgrade} websocket [NC]
    RewriteRule /(.*) ws://127.0.0.1:3000/\$1 [P,L]
    ProxyPass / http://127.0.0.1:3000/
    ProxyPassReverse / http://127.0.0.1:3000/
</VirtualHost>
END
        systemctl cat spamd >/dev/null 2>&1 || systemctl enable --now spamassassin   # before version 4 off by itself
        touch /var/log/auth.log   # without it fail2ban does not start, and rsyslog makes it at the first line
        systemctl restart fail2ban
        systemctl stop apache2   # it may have been the first to take the port
        systemctl restart nginx
        systemctl start apache2' &&
        sample dashboard
}

# The tables of the dashboard or of the mail system, from the miniature's sample.
sample() {
    awk -v want="$1" 'BEGIN { RS = ";\n" }
        { its = /ceymail_dashboard/ ? "dashboard" : "mail" }
        its == want { print $0 ";" }' "$here/../../deploy/miniature/sample.sql" | inside mariadb
}
