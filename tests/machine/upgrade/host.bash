# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# HOST=upgrade: the machine of the other cases; the package comes by apt from a repository in /srv/apt, in the versions
# 0.1.0, 0.2.0 and 0.3.0 of this tree. Sourced by ../run after ../machine.bash and ../cases.bash.
# shellcheck disable=SC2154,SC2034
version=0.1.0 next_version=0.2.0 further_versions=(0.3.0)
deploy=$here/../../deploy

source "$here/upgrade/cases.bash"

# apt of the machine knows no other archive: there is no network.
eval "furnish_$(declare -f furnish_machine)"
furnish_machine() {
    furnish_furnish_machine && script 'rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*; mkdir -p /srv/apt' || return
    rm -rf "$work/gnupg" "$work/apt"
    install -d -m 700 "$work/gnupg"
    GNUPGHOME=$work/gnupg gpg --batch --quiet --passphrase '' --quick-generate-key 'Tests <tests@ceymail.example>' ed25519 sign 1d
    GNUPGHOME=$work/gnupg gpg --batch --quiet --armor --export-secret-keys >"$work/secret-key"
    # The agent of a directory that is deleted would keep the next run from making its key.
    GNUPGHOME=$work/gnupg gpgconf --kill all
}

# PACKAGE...: into the repository, which then is the machine's, with [KEY=].
publish() {
    "$deploy/apt-repository" "$work/apt" "$suite" "$@" && rm -rf "$root/srv/apt" && cp -r "$work/apt" "$root/srv/apt"
}
package() { echo "$work/ceymail-metrics_$1"_*.deb; }
apt_get() { inside env DEBIAN_FRONTEND=noninteractive apt-get -y -q "$@"; }
