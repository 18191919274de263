# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# HOST=ceymail: the machine as CeyMail's installer and wizard leave a host, with the web server WEB (nginx or apache).
# Sourced by ../run after ../machine.bash and ../cases.bash, some of whose functions it replaces.
# shellcheck disable=SC2154,SC2034,SC2016
case ${WEB:-nginx} in
nginx) web_server=nginx other_web_server=apache2 ;;
apache | apache2) web_server=apache2 other_web_server=nginx ;;
*) echo "check-machine: WEB=$WEB is neither nginx nor apache" >&2; take_disk_away; exit 64 ;;
esac
dashboard_domain=panel.example.test
mail_domain=mail.example.test
address=192.0.2.10
ca=/usr/local/share/ca-certificates/example.crt
site=/etc/$web_server/sites-available/$dashboard_domain
[ $web_server = nginx ] || site=$site.conf
mission_control=/opt/mission-control/apps/dashboard/.next/standalone

source "$here/ceymail/cases.bash"

# Such a host has one of the two web servers.
machine_packages() { packages_in "$here/packages" "$here/ceymail/packages" | grep -vx "$other_web_server"; }

furnish_machine() {
    say "furnishing it as a CeyMail host with $web_server"
    furnish_names && furnish_certificates && furnish_databases && furnish_dashboard && furnish_mail_services &&
        furnish_watchdog && furnish_backups && furnish_sites
}

# The address of the host is one that only it has; it outlives a reboot.
furnish_names() {
    script "
        cat >/etc/systemd/system/server-address.service <<END
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/ip address replace $address/32 dev lo

[Install]
WantedBy=sysinit.target
END
        systemctl enable --now --quiet server-address
        echo '$address $dashboard_domain $mail_domain' >>/etc/hosts
        echo $mail_domain >/etc/hostname
        hostname $mail_domain
        cat >/etc/ceymail.conf <<END
# Written by the installer
MAIL_DOMAIN=\"$mail_domain\"
DASHBOARD_DOMAIN=\"$dashboard_domain\"
CERTBOT_EMAIL=\"postmaster@example.test\"
WEB_SERVER=\"$web_server\"
SERVER_IP=\"$address\"
END
        chmod 600 /etc/ceymail.conf"
}

# As certbot keeps them. The machine trusts their authority, as a host trusts that of Let's Encrypt.
furnish_certificates() {
    script "
        mkdir -p /etc/letsencrypt /root/ca
        install -d -m 700 /etc/letsencrypt/live /etc/letsencrypt/archive
        cd /root/ca
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj '/CN=Authority of the tests' \
            -keyout ca.key -out $ca 2>/dev/null
        update-ca-certificates >/dev/null 2>&1
        for domain in $dashboard_domain $mail_domain; do
            archive=/etc/letsencrypt/archive/\$domain live=/etc/letsencrypt/live/\$domain
            mkdir \$archive \$live
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=\$domain \
                -keyout \$archive/privkey1.pem -out \$domain.csr 2>/dev/null
            openssl x509 -req -in \$domain.csr -CA $ca -CAkey ca.key -CAcreateserial -days 60 \
                -extfile <(echo subjectAltName=DNS:\$domain) -out \$archive/cert1.pem 2>/dev/null
            cp $ca \$archive/chain1.pem
            cat \$archive/cert1.pem \$archive/chain1.pem >\$archive/fullchain1.pem
            chmod 600 \$archive/privkey1.pem
            for part in cert chain fullchain privkey; do ln -s ../../archive/\$domain/\${part}1.pem \$live/\$part.pem; done
        done"
}

# Also what the wizard does again after a factory reset.
furnish_databases() {
    sample dashboard && sample mail && inside mariadb <<'END'
CREATE TABLE IF NOT EXISTS ceymail_dashboard.dashboard_users (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    username VARCHAR(100) NOT NULL UNIQUE,
    password_hash VARCHAR(255) NOT NULL,
    email VARCHAR(255) NULL,
    role ENUM('admin', 'viewer') NOT NULL DEFAULT 'viewer',
    last_login TIMESTAMP NULL
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS ceymail_dashboard.install_state (id INT PRIMARY KEY, step VARCHAR(100)) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS ceymail_dashboard.health_snapshots (id INT PRIMARY KEY, taken TIMESTAMP NULL, body TEXT) ENGINE = InnoDB;
INSERT IGNORE INTO ceymail_dashboard.dashboard_users (id, username, password_hash, role) VALUES
    (1, 'amal', '!', 'admin'), (2, 'bimali', '!', 'admin'), (3, 'vihanga', '!', 'viewer');
CREATE USER IF NOT EXISTS ceymail@localhost IDENTIFIED BY 'of-the-dashboard';
GRANT ALL ON ceymail.* TO ceymail@localhost;
GRANT ALL ON ceymail_dashboard.* TO ceymail@localhost;
END
}

# The dashboard's files with a new session secret, as the wizard writes them.
write_dashboard_secrets() {
    script '
        umask 077
        secret=$(openssl rand -hex 32)
        cat >/var/lib/ceymail-mc/config.json <<END
{"database": {"host": "127.0.0.1", "port": 3306, "user": "ceymail", "password": "of-the-dashboard",
  "mailDatabase": "ceymail", "dashboardDatabase": "ceymail_dashboard"}, "session": {"secret": "$secret"}}
END
        echo "SESSION_SECRET=$secret" >/var/lib/ceymail-mc/.env.local
        chown ceymail-mc: /var/lib/ceymail-mc/config.json /var/lib/ceymail-mc/.env.local'
}

furnish_dashboard() {
    script "
        useradd --system --groups adm --home-dir /var/lib/ceymail-mc --shell /usr/sbin/nologin ceymail-mc
        install -d -m 700 -o ceymail-mc -g ceymail-mc /var/lib/ceymail-mc
        mkdir -p $mission_control" &&
        inside sh -c "cat >$mission_control/server.py" <"$here/ceymail/dashboard.py" &&
        write_dashboard_secrets && script "
        cat >/etc/systemd/system/ceymail-dashboard.service <<END
[Unit]
Description=CeyMail Mission Control dashboard
After=network.target mariadb.service

[Service]
User=ceymail-mc
WorkingDirectory=$mission_control
ExecStart=/usr/bin/python3 server.py
Restart=on-failure

[Install]
WantedBy=multi-user.target
END
        # The second daemon is installed, but does not run.
        cat >/etc/systemd/system/ceymail-mc.service <<END
[Service]
User=ceymail-mc
ExecStart=/bin/sleep infinity

[Install]
WantedBy=multi-user.target
END
        systemctl daemon-reload
        systemctl enable --now --quiet ceymail-dashboard"
}

# mail.log belongs to syslog:adm, as on Ubuntu; Debian's rsyslog writes as root. What the unit of the AI filter is called is
# not known: this name is not the one that its label has.
furnish_mail_services() {
    script '
        id syslog >/dev/null 2>&1 || useradd --system --groups adm --no-create-home --shell /usr/sbin/nologin syslog
        sed -i "s/^\$FileOwner .*/\$FileOwner syslog/; s/^\$FileGroup .*/\$FileGroup adm/; s/^\$FileCreateMode .*/\$FileCreateMode 0640/" /etc/rsyslog.conf
        touch /var/log/auth.log /var/log/mail.log   # fail2ban does not start without the first
        chown syslog:adm /var/log/auth.log /var/log/mail.log
        chmod 640 /var/log/auth.log /var/log/mail.log
        cat >/etc/systemd/system/ceymail-aifilter.service <<END
[Unit]
Description=CeyMail AI filter

[Service]
DynamicUser=yes
ExecStart=/bin/sleep infinity
Restart=on-failure

[Install]
WantedBy=multi-user.target
END
        systemctl daemon-reload
        systemctl enable --now --quiet ceymail-aifilter
        systemctl cat spamd >/dev/null 2>&1 || systemctl enable --now --quiet spamassassin   # before version 4 off by itself
        systemctl restart rsyslog fail2ban
        logger -p mail.info -t postfix/qmgr "the host is furnished"'
}

furnish_watchdog() {
    inside sh -c 'cat >/opt/mission-control/watchdog; chmod 755 /opt/mission-control/watchdog' <"$here/ceymail/watchdog"
    script '
        cat >/etc/systemd/system/ceymail-watchdog.service <<END
[Service]
Type=oneshot
ExecStart=/opt/mission-control/watchdog
END
        cat >/etc/systemd/system/ceymail-watchdog.timer <<END
[Timer]
OnActiveSec=30
OnUnitActiveSec=30
AccuracySec=1

[Install]
WantedBy=timers.target
END
        systemctl daemon-reload
        systemctl enable --now --quiet ceymail-watchdog.timer'
}

# What the dashboard's backup page writes, with both databases.
backup() {
    script '
        umask 077
        mkdir -p /var/backups/ceymail
        parts=$(mktemp -d)
        mariadb-dump --databases ceymail ceymail_dashboard >$parts/databases.sql
        cp /etc/ceymail.conf $parts
        tar -C $parts -czf /var/backups/ceymail/ceymail-backup-$(date -u +%Y%m%dT%H%M%SZ)-config-db.tar.gz .
        rm -r $parts'
}
furnish_backups() { backup; }

# The dashboard's site, and that of the mail domain, which the webmail helper writes.
furnish_sites() {
    inside sh -c 'cat >/opt/mission-control/installer; chmod 755 /opt/mission-control/installer' <"$here/ceymail/installer"
    script "
        rm -f /etc/$web_server/sites-enabled/*default*
        mkdir -p /var/www/webmail
        echo '<p>Webmail</p>' >/var/www/webmail/index.html" && "write_webmail_site_of_$web_server" && run_installer
}
run_installer() { inside /opt/mission-control/installer "$@" >"$work/installer" 2>&1 || { cat "$work/installer"; return 1; }; }

write_webmail_site_of_nginx() {
    script "cat >/etc/nginx/sites-available/roundcube-webmail <<END
server {
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name $mail_domain;
    ssl_certificate /etc/letsencrypt/live/$mail_domain/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/$mail_domain/privkey.pem;
    root /var/www/webmail;
    location / {
        try_files \\\$uri \\\$uri/ =404;
    }
}
END
        ln -s ../sites-available/roundcube-webmail /etc/nginx/sites-enabled/"
}
write_webmail_site_of_apache2() {
    script "a2enmod -q ssl
        cat >/etc/apache2/sites-available/roundcube-webmail.conf <<END
<VirtualHost *:443>
    ServerName $mail_domain
    SSLEngine on
    SSLCertificateFile /etc/letsencrypt/live/$mail_domain/fullchain.pem
    SSLCertificateKeyFile /etc/letsencrypt/live/$mail_domain/privkey.pem
    DocumentRoot /var/www/webmail
</VirtualHost>
END
        a2ensite -q roundcube-webmail"
}

# --- a Prometheus on another host --------------------------------------------------------------------------------

# DIRECTORY: where its token and the CA are.
prometheus_configuration() {
    local directory=$1
    cat <<END
scrape_configs:
  - job_name: ceymail
    scrape_interval: 6s
    scrape_timeout: 5s
    scheme: https
    metrics_path: /api/stats/metrics
    authorization: { credentials_file: $directory/token }
    tls_config: { ca_file: $directory/ca.pem }
    static_configs: [ { targets: [ '$dashboard_domain' ] } ]
END
}

# It is a process of this system in the network of the machine, and knows the names in the machine's /etc/hosts. It ends
# soon after the machine, also before a reboot.
start_prometheus() {
    local directory=$work/prometheus leader
    leader=$(cat "$leader_file")
    rm -rf "$directory"
    mkdir -p "$directory"
    inside cat $ca >"$directory/ca.pem"
    inside cat /etc/hosts >"$directory/hosts"
    (umask 077; inside sed 's/^Authorization: Bearer //' /root/header >"$directory/token")
    prometheus_configuration "$directory" >"$directory/prometheus.yml"
    (
        nsenter -t "$leader" -n -- unshare -m -- sh -c 'mount --bind "$1/hosts" /etc/hosts && exec prometheus \
            --config.file="$1/prometheus.yml" --storage.tsdb.path="$1/data" --web.listen-address=127.0.0.1:9090' \
            sh "$directory" &
        while kill -0 "$leader" 2>/dev/null; do sleep 0.2; done
        kill $!
        wait
        rm -rf "$directory"
    ) >"$work/prometheus.log" 2>&1 &
    until_true 20 inside curl -sf -o /dev/null http://127.0.0.1:9090/-/ready || complain "Prometheus does not start: $(tail -n 3 "$work/prometheus.log")"
}

# EXPRESSION VALUE: what Prometheus answers now.
prometheus_says() {
    prometheus_said=$(inside curl -sS http://127.0.0.1:9090/api/v1/query --data-urlencode "query=$1" | jq -r '.data.result[0].value[1]')
    [ "$prometheus_said" = "$2" ]
}
