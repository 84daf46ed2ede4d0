#!/bin/sh
# build.sh FOLDER: makes what vm.sh boots (vmlinuz, initrd, root.img, and a list of versions), unless it is there.
# It is made again when this folder's files that go into it have changed.
set -eu

image=$1
here=$(cd "$(dirname "$0")" && pwd)
# The suite with the newest kernel and tracers that still is a release's.
suite=forky
packages='linux-image-amd64 tiny-initramfs busybox-static kmod iproute2 procps
  nodejs bpftrace dtrace binutils'
fail() { echo "build.sh: $*" >&2; exit 1; }

recipe=$(cat "$here/build.sh" "$here"/guest/* | sha256sum | cut -d' ' -f1)
[ "$(cat "$image/recipe" 2>/dev/null)" = "$recipe" ] && exit 0

[ "$(id -u)" = 0 ] || fail "needs root"
for tool in debootstrap mkfs.ext4; do
  command -v "$tool" >/dev/null || fail "$tool is not installed"
done
# What apt itself installs from, in whatever file and format that is written.
mirror=${LIBUSDT_VM_MIRROR:-$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
  awk '$1 == "Debian" { print $2; exit }')}
[ -n "$mirror" ] || fail "apt names no Debian mirror here: set LIBUSDT_VM_MIRROR"

root=$image/root
leave() {
  umount "$root/proc" 2>/dev/null || :
  rm -rf --one-file-system "$root" "$image/root.img.new"
}
trap leave EXIT
trap 'exit 143' INT TERM HUP
leave
rm -f "$image/recipe"
mkdir -p "$image/packages"

script=/usr/share/debootstrap/scripts/$suite
[ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
debootstrap --variant=minbase --cache-dir="$image/packages" "$suite" "$root" "$mirror" "$script"

# Leave out what no test needs: documentation, translations, nearly all drivers.
cat >"$root/etc/dpkg/dpkg.cfg.d/small" <<'CONF'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
path-exclude=/usr/lib/modules/*/kernel/sound/*
path-exclude=/usr/lib/modules/*/kernel/drivers/*
path-include=/usr/lib/modules/*/kernel/drivers/block/virtio_blk*
CONF
# No service starts in the folder.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
# INITRD=No: the initramfs is ours, below.
# shellcheck disable=SC2086 # one word per package
DEBIAN_FRONTEND=noninteractive INITRD=No LC_ALL=C chroot "$root" \
  apt-get install -y -q --no-install-recommends $packages
umount "$root/proc"
chroot "$root" dpkg-query -W -f '${Package} ${Version}\n' >"$image/versions"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/cache/apt/*.bin "$root"/var/lib/apt/lists/*_*

mkdir -p "$root/job" "$root/guest/dlib/5.2"
cp "$here/guest/init" "$root/guest/init"
chmod 755 "$root/guest/init"
# dtrace compiles all its D libraries at each start, which takes 11 s here, and one that does not fit the kernel's
# types fails them all. These are enough for user-space probes.
libraries=$(echo "$root"/usr/lib/*/dtrace)
cp -r "$libraries/bpf_dlib.o" "$libraries/drti" "$libraries/include" "$root/guest/dlib/"
for library in errno signal unistd regs; do cp "$libraries/5.2/$library.d" "$root/guest/dlib/5.2/"; done

# An initramfs with the modules that the root file system needs, and busybox to insert them.
kernel=$(basename "$(echo "$root"/usr/lib/modules/*)")
chroot "$root" depmod "$kernel"
early=$root/early
mkdir -p "$early/bin" "$early/dev" "$early/proc" "$early/sys" "$early/root" "$early/modules"
cp "$root/usr/bin/busybox" "$early/bin/busybox"
cp "$here/guest/early-init" "$early/init"
chmod 755 "$early/init"
for driver in ext4 virtio_blk virtio_pci; do
  chroot "$root" modprobe --set-version "$kernel" --show-depends "$driver"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r module; do
  name=$(basename "$module")
  case $module in
    *.xz) xz -dc "$root$module" >"$early/modules/${name%.xz}" ;;
    *.zst) zstd -qdc "$root$module" >"$early/modules/${name%.zst}" ;;
    *) cp "$root$module" "$early/modules/$name" ;;
  esac
  name=${name%.xz}
  echo "${name%.zst}" >>"$early/modules/order"
done
(cd "$early" && find . | chroot "$root" busybox sh -c 'cd /early && busybox cpio -o -H newc') >"$image/initrd"
cp "$root/boot/vmlinuz-$kernel" "$image/vmlinuz"
rm -rf "$early"

megabytes=$(du -sm --apparent-size "$root" | cut -f1)
truncate -s "$((megabytes * 115 / 100 + 1024))M" "$image/root.img.new"
mkfs.ext4 -q -F -O ^has_journal -E lazy_itable_init=1,nodiscard -d "$root" "$image/root.img.new"
mv "$image/root.img.new" "$image/root.img"
echo "$recipe" >"$image/recipe"
