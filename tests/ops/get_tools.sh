#!/usr/bin/env bash
# get_tools.sh DEST: promtool, prometheus, amtool, alertmanager, kustomize and docker-compose, unpacked under DEST.
# They come from Debian trixie through the mirror this machine already uses; nothing is installed and nothing is
# started. Where that cannot work it says why and fails: what needs the tools is then skipped.
set -euo pipefail
dest=${1:?usage: get_tools.sh DEST}
suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
packages=(prometheus prometheus-alertmanager kustomize docker-compose)

give_up() { echo "get_tools: $*; checks that need promtool, amtool, kustomize and docker-compose are skipped" >&2; exit 1; }

[[ -x $dest/root/usr/bin/promtool ]] && exit 0
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || give_up 'no apt-get here'
[[ -r $keyring ]] || give_up "no $keyring here"
# Files that are not there make sed fail, and that is no reason to stop.
known=$(sed -nE -e 's/^URIs: *([^ ]+).*/\1/p' -e 's/^deb +(\[[^]]*\] +)?([^ ]+) .* main.*/\2/p' \
  /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null) || true
mirror=$(grep -m 1 -E '/debian/?$' <<< "$known") || give_up 'apt knows no Debian mirror'

mkdir -p "$dest"/{lists/partial,archives/partial,debs}
dest=$(cd "$dest" && pwd)
echo "deb [signed-by=$keyring] $mirror $suite main" > "$dest/sources.list"
apt() {
  apt-get -qq -o Dir::Etc::sourcelist="$dest/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$dest/lists" \
    -o Dir::Cache="$dest" -o APT::Sandbox::User="$(id -un)" "$@"
}
apt update || give_up "$suite cannot be read from this machine's mirror"
(cd "$dest/debs" && apt download "${packages[@]}" && apt download promtool 2>/dev/null) \
  || compgen -G "$dest/debs/prometheus_*.deb" >/dev/null || give_up 'the packages could not be fetched'
for package in "$dest"/debs/*.deb; do dpkg-deb -x "$package" "$dest/root"; done
rm -rf "$dest"/{lists,archives,debs,sources.list,pkgcache.bin,srcpkgcache.bin}
[[ -x $dest/root/usr/bin/promtool ]] || give_up 'there is no promtool in the packages'

# Debian's Alertmanager reads its default templates from this path and no other.
templates=/usr/share/prometheus/alertmanager
if [[ ! -e $templates/default.tmpl ]]; then
  mkdir -p "$templates" 2>/dev/null && cp -r "$dest/root$templates/." "$templates/" \
    || echo "get_tools: $templates cannot be written, so Alertmanager will not start here" >&2
fi
