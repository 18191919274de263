# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What is tried, in this order; see ../cases.bash, whose helpers serve here too.
# shellcheck disable=SC2154,SC2016,SC2015,SC2034
cases() { grep -ohE '^case_[a-z0-9_]+' "$here/upgrade/cases.bash"; }

snippet=/etc/nginx/snippets/ceymail-metrics.conf

# The words of the README, with the directory instead of the address of a web server.
by_the_readme() {
    inside bash -ec "cd /srv/apt; $(readme_block sh "$1" Upgrade | sed "s#https://packages.example.org/apt bookworm#file:/srv/apt $suite#")"
}
is_version() { [ "$(inside dpkg-query -W -f '${Version}' ceymail-metrics 2>/dev/null)" = "$1" ]; }

# --- cases: installed --------------------------------------------------------------------------------------------

case_apt_takes_nothing_from_a_repository_without_a_signature() {
    KEY='' publish "$(package 0.1.0)" 2>/dev/null || return
    script 'mkdir -p /etc/apt/keyrings; touch /etc/apt/keyrings/ceymail-metrics.asc
        echo "deb [signed-by=/etc/apt/keyrings/ceymail-metrics.asc] file:/srv/apt '"$suite"' main" >/etc/apt/sources.list.d/ceymail-metrics.list'
    apt_get update >"$work/words" 2>&1 && apt_get install ceymail-metrics >>"$work/words" 2>&1 && { cat "$work/words"; return 1; }
    grep -q 'is not signed' "$work/words" || { cat "$work/words"; return 1; }
}

case_apt_takes_nothing_that_another_key_has_signed() {
    local other
    other=$(mktemp -d)
    GNUPGHOME=$other gpg --batch --quiet --passphrase '' --quick-generate-key 'Other <other@ceymail.example>' ed25519 sign 1d 2>/dev/null
    GNUPGHOME=$other gpg --batch --quiet --armor --export >"$root/etc/apt/keyrings/ceymail-metrics.asc"
    GNUPGHOME=$other gpgconf --kill all
    rm -rf "$other"
    KEY=$work/secret-key publish "$(package 0.1.0)" || return
    apt_get update >"$work/words" 2>&1 && apt_get install ceymail-metrics >>"$work/words" 2>&1 && { cat "$work/words"; return 1; }
    grep -qE 'NO_PUBKEY|Missing key' "$work/words" || { cat "$work/words"; return 1; }
}

case_apt_installs_0_1_by_the_words_of_the_readme() {
    by_the_readme 1 >"$work/words" 2>&1 && is_version 0.1.0 || { cat "$work/words"; return 1; }
}

case_it_scrapes() {
    inside ceymail-token init && inside sh -c 'umask 077; ceymail-token generate | sed "s/^/Authorization: Bearer /" >/root/header' &&
        readme_block nginx 1 | inside sh -c 'cat >/root/line; sed -i "/server_name/r /root/line" /etc/nginx/sites-enabled/ceymail; systemctl reload nginx'
    expect 'ceymail_build_info{version="0.1.0"} 1' 'ceymail_database_up 1'
}

# --- cases: upgraded ---------------------------------------------------------------------------------------------

case_the_administrator_changes_files_of_the_package() {
    script "echo 'cache_ttl = 0' >>$conf
        echo '# of the administrator' >>$snippet
        systemctl restart ceymail-metrics
        systemctl reload nginx"
    settled
}

upgrade_by_apt() { by_the_readme 2 >"$work/words" 2>&1 || { cat "$work/words"; return 1; }; }
case_apt_upgrades_to_0_2_under_load_and_loses_nothing() {
    KEY=$work/secret-key publish "$(package 0.2.0)" || return
    spend 127.31.0.1 && under_load 22 upgrade_by_apt || return
    is_version 0.2.0 || { cat "$work/words"; return 1; }
    expect 'ceymail_build_info{version="0.2.0"} 1' 'ceymail_database_up 1'
}
case_the_limiter_outlives_it() { ADDRESS=127.31.0.1 expect_code 429; }
case_the_files_of_the_administrator_are_as_they_were() {
    inside grep -qx 'cache_ttl = 0' "$conf" && inside grep -qx '# of the administrator' "$snippet"
}
case_init_again_says_that_all_is_ready() {
    local said
    said=$(inside ceymail-token init 2>&1) || complain "init says: $said" || return
    tail -n 1 <<<"$said" | grep -q ready || complain "init says: $said"
}
case_check_finds_nothing_that_the_upgrade_broke() {
    local said
    said=$(inside ceymail-metrics --check)
    for part in configuration database token socket; do
        ! grep "^$part:" <<<"$said" | grep -qv ': ok' || complain "--check says: $said" || return
    done
}

# The release that changes a file which the administrator changed too, and one that they left alone.
case_apt_upgrades_to_0_3_which_changes_files_of_the_configuration() {
    local tree=$work/changed-package
    rm -rf "$tree"
    dpkg-deb -R "$(package 0.3.0)" "$tree" &&
        for file in nginx/snippets/ceymail-metrics.conf nginx/snippets/ceymail-settings.conf; do
            echo '# of version 0.3' >>"$tree/etc/$file"
        done &&
        (cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | xargs -0 md5sum >DEBIAN/md5sums) &&
        mkdir -p "$work/changed" && dpkg-deb --root-owner-group -b "$tree" "$work/changed" >/dev/null &&
        KEY=$work/secret-key publish "$work/changed/ceymail-metrics_0.3.0"_*.deb && spend 127.31.0.2 && upgrade_by_apt || return
    is_version 0.3.0 || { cat "$work/words"; return 1; }
    expect 'ceymail_build_info{version="0.3.0"} 1' 'ceymail_database_up 1'
}
case_the_changed_file_is_kept_and_the_new_one_lies_beside_it() {
    inside grep -qx '# of the administrator' "$snippet" && ! inside grep -q 'of version 0.3' "$snippet" &&
        inside grep -qx '# of version 0.3' "$snippet.dpkg-dist" || complain "$(inside tail -n 2 "$snippet" "$snippet.dpkg-dist" 2>&1)"
}
case_the_file_that_was_left_alone_is_the_new_one() {
    inside grep -qx '# of version 0.3' /etc/nginx/snippets/ceymail-settings.conf
}
case_the_limiter_outlives_that_too() { ADDRESS=127.31.0.2 expect_code 429; }

# --- cases: the bill of materials ----------------------------------------------------------------------------------

# Each file of the package with its checksum, each library that it depends on with a version, and no name that is not there.
case_the_bill_of_materials_is_that_of_the_package() {
    local package record bill=$work/bill.json
    package=$(package 0.2.0)
    record=$(ls "$build/deb/ceymail-metrics_0.2.0"_*.buildinfo "$work/$suite/deb/ceymail-metrics_0.2.0"_*.buildinfo 2>/dev/null | head -n 1)
    (cd "$deploy/.." && SOURCE_DATE_EPOCH=1700000000 deploy/sbom "$package" "$record" README.md) >"$bill" || return
    rm -rf "$work/files" && dpkg-deb -x "$package" "$work/files" || return
    diff <(jq -r '.files[] | .fileName + " " + (.checksums[] | select(.algorithm == "SHA256").checksumValue)' "$bill" | sort) \
        <(cd "$work/files" && find . -type f -exec sha256sum {} + | awk '{ print $2, $1 }' | sort) || return
    [ "$(jq -r '[.packages[], .files[] | .SPDXID] | length - (unique | length)' "$bill")" = 0 ] || complain "a name is there twice" || return
    [ "$(jq -r '([.packages[], .files[] | .SPDXID] + ["SPDXRef-DOCUMENT"]) as $all | [.relationships[] | .spdxElementId, .relatedSpdxElement] - $all | length' "$bill")" = 0 ] ||
        complain "a relation has no end" || return
    diff <(jq -r '.relationships[] | select(.relationshipType == "RUNTIME_DEPENDENCY_OF") | .spdxElementId' "$bill" | sed 's/SPDXRef-Debian-//; s/-2b-/+/g' | sort) \
        <(dpkg-deb --field "$package" Depends | sed 's/, /\n/g' | sed 's/[ :].*//' | sort) || return
    jq -e --arg sum "$(sha256sum <"$package" | cut -d ' ' -f 1)" '.packages[0].checksums[] | select(.checksumValue == $sum)' "$bill" >/dev/null &&
        jq -e '.packages[] | select(.name == "libmariadb3").versionInfo' "$bill" >/dev/null || complain "no checksum or no version"
}

# --- cases: what must not be installed -----------------------------------------------------------------------------

case_a_version_has_one_content() {
    local said
    said=$(KEY=$work/secret-key publish "$(package 0.3.0)" 2>&1) && complain "another 0.3.0 was taken" && return 1
    grep -q 'raise the version' <<<"$said" || complain "it says: $said"
}
case_apt_refuses_a_package_that_was_changed_after_it_was_signed() {
    local file said
    file=$(echo "$root/srv/apt/pool/$suite/ceymail-metrics_0.2.0"_*.deb)
    printf x | dd of="$file" bs=1 seek=5000 conv=notrunc 2>/dev/null
    said=$(apt_get install --allow-downgrades ceymail-metrics=0.2.0 2>&1) && complain "it was installed: $said" && return 1
    is_version 0.3.0 && grep -qiE 'hash|size|mismatch' <<<"$said" || complain "apt says: $said"
}
case_apt_goes_back_to_an_earlier_version() {
    cp -r "$work/apt/pool" "$root/srv/apt/"
    apt_get install --allow-downgrades -o Dpkg::Options::=--force-confold ceymail-metrics=0.2.0 >"$work/words" 2>&1 || { cat "$work/words"; return 1; }
    expect 'ceymail_build_info{version="0.2.0"} 1' 'ceymail_database_up 1'
}
