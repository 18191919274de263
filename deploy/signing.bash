# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Signatures by the key that the caller gives in KEY; none is ever made. Sourced by release and apt-repository.
#   KEY=FILE         a file with the secret key, as gpg --export-secret-keys writes it; it is imported into a directory
#                    that is deleted at the end
#   KEY=ID           a key of gpg's own keyring (GNUPGHOME), by fingerprint or address
signing_home= fingerprint=

die() { echo "${0##*/}: $1" >&2; exit "${2:-70}"; }

# Requires: KEY is set. After it, sign works.
open_key() {
    command -v gpg >/dev/null || die "there is no gpg; install it" 69
    if [ -f "$KEY" ]; then
        signing_home=$(mktemp -d)
        chmod 700 "$signing_home"
        export GNUPGHOME=$signing_home
        gpg --batch --quiet --import "$KEY" 2>/dev/null || die "$KEY is no key that gpg can import" 65
    fi
    # The primary key's fingerprint, which the administrator can compare.
    local name=()
    [ -n "$signing_home" ] || name=("$KEY")
    fingerprint=$(gpg --batch --quiet --list-secret-keys --with-colons "${name[@]}" 2>/dev/null |
        awk -F: '$1 == "fpr" && !found++ { print $10 }') || true
    [ -n "$fingerprint" ] || die "KEY=$KEY: no secret key; give a file of gpg --export-secret-keys, or the fingerprint of a key in gpg's keyring" 65
}
close_key() {
    [ -n "$signing_home" ] || return 0
    gpgconf --homedir "$signing_home" --kill all 2>/dev/null || true
    rm -rf "$signing_home"
}

# ARGUMENTS of gpg, the last of which is the file.
sign() { gpg --quiet --yes --armor --digest-algo SHA512 --local-user "$fingerprint" "$@"; }
