#!/usr/bin/env bash
# Runs a shell command in a clone of this repository's last commit, on a Debian that has nothing but Node, npm, git and
# certificates: what a new container or server looks like. No compiler, no tracer, no readelf; tracefs is not mounted.
# Usage: bare-debian.sh [--user] COMMAND     --user: as an ordinary user, not as root
#   scripts/bare-debian.sh 'npm run demo'
#   scripts/bare-debian.sh --user 'npm test'
# Needs root and debootstrap. The first run makes the Debian in a folder of the user's cache; every run gets a layer of
# its own over it, which is thrown away. Node and npm are those of this machine, from which the Debian also has the way
# to the registry, the resolver and the certificates.
#   LIBUSDT_BARE_DIR    where the Debian lives (default: libusdt-bare-debian in the user's cache folder)
#   LIBUSDT_BARE_SUITE  its release (default: trixie)
#   LIBUSDT_BARE_PACKAGES  the folder of scripts/test-packages.sh on this machine: tests there take what they use from it,
#                       read-only, instead of installing it (default: they install it)
set -euo pipefail

fail() {
  echo "bare-debian.sh: $*" >&2
  exit 2
}

run_as=root
if [ "${1:-}" = --user ]; then
  run_as=user
  shift
fi
[ $# = 1 ] || fail "usage: bare-debian.sh [--user] COMMAND"
[ "$(id -u)" = 0 ] || fail "needs root"
checkout=$(cd "$(dirname "$0")/.." && pwd)
suite=${LIBUSDT_BARE_SUITE:-trixie}
dir=${LIBUSDT_BARE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/libusdt-bare-debian}
base=$dir/$suite
mkdir -p "$dir"

make_debian() {
  command -v debootstrap >/dev/null || fail "debootstrap is not installed"
  # What apt itself installs from, in whatever file and format that is written.
  local mirror script name
  mirror=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" { print $2; exit }')
  [ -n "$mirror" ] || fail "apt names no Debian mirror here"
  rm -rf --one-file-system "$base"
  mkdir -p "$base" "$dir/packages"
  script=/usr/share/debootstrap/scripts/$suite
  [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
  debootstrap --variant=minbase --include=ca-certificates,git --cache-dir="$dir/packages" \
    "$suite" "$base" "$mirror" "$script" >"$dir/$suite.log" 2>&1 9>&- || {
    tail -n 20 "$dir/$suite.log" >&2
    fail "debootstrap could not make $suite"
  }
  mkdir -p "$base/opt/node/bin" "$base/opt/node/lib/node_modules"
  cp "$(node -p process.execPath)" "$base/opt/node/bin/node"
  cp -rL "$(npm root -g)/npm" "$base/opt/node/lib/node_modules/npm"
  for name in npm npx; do ln -s "../lib/node_modules/npm/bin/$name-cli.js" "$base/opt/node/bin/$name"; done
  chroot "$base" useradd --create-home user
}

# Several may start at once: the first makes the Debian, the others wait for it; while one uses it, it stays as it is.
exec 9>"$dir/lock"
recipe="$(declare -f make_debian | sha256sum) $(node --version) $(npm --version)"
is_made() { [ "$(cat "$base/.made" 2>/dev/null)" = "$recipe" ]; }
flock -s 9
until is_made; do
  flock 9
  if ! is_made; then
    make_debian
    echo "$recipe" >"$base/.made"
  fi
  flock -s 9
done

work=$(mktemp -d "$dir/run.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
mkdir "$work/upper" "$work/overlay" "$work/root"
git clone -q "file://$checkout" "$work/checkout"
registry=$(npm config get registry)
certificates=/etc/ssl/certs/ca-certificates.crt
export BARE_COMMAND="$1" BARE_USER=$run_as BARE_BASE=$base BARE_WORK=$work BARE_REGISTRY=$registry
export BARE_PACKAGES=${LIBUSDT_BARE_PACKAGES:-}
export BARE_CERTIFICATES=$certificates BARE_EXTRA=${NODE_EXTRA_CA_CERTS:-$certificates}
# A namespace of mounts: all that it mounts ends with it. Not one of processes: a server has none either.
unshare --mount bash -euc '
  mount --make-rprivate /
  root=$BARE_WORK/root
  mount -t overlay overlay -o "lowerdir=$BARE_BASE,upperdir=$BARE_WORK/upper,workdir=$BARE_WORK/overlay" "$root" || {
    echo "bare-debian.sh: no overlay can be mounted here; set LIBUSDT_BARE_DIR to a folder on a disk" >&2
    exit 2
  }
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/tmp"
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  [ ! -e "$BARE_CERTIFICATES" ] || cp "$BARE_CERTIFICATES" "$root/etc/ssl/certs/"
  [ ! -e "$BARE_EXTRA" ] || cp "$BARE_EXTRA" "$root/etc/ssl/extra.crt"
  packages=
  if [ -n "$BARE_PACKAGES" ]; then
    packages=/opt/test-packages
    mkdir "$root$packages"
    mount --bind "$BARE_PACKAGES" "$root$packages"
    mount -o remount,bind,ro "$root$packages"
  fi
  home=/root
  [ "$BARE_USER" = root ] || home=/home/$BARE_USER
  cp -r "$BARE_WORK/checkout" "$root$home/checkout"
  chroot "$root" chown -R "$BARE_USER" "$home/checkout"
  # The root of the namespace, as on a machine or in a container; a chroot shows in the paths of other namespaces.
  cd "$root"
  mkdir outside
  pivot_root . outside
  umount -l outside
  rmdir outside
  exec chroot --userspec="$BARE_USER" / /usr/bin/env -i HOME="$home" USER="$BARE_USER" LANG=C.UTF-8 \
    PATH=/opt/node/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    npm_config_registry="$BARE_REGISTRY" NODE_EXTRA_CA_CERTS=/etc/ssl/extra.crt \
    ${packages:+LIBUSDT_TEST_PACKAGES=$packages} \
    bash -c "cd $home/checkout && $BARE_COMMAND" </dev/null
'
