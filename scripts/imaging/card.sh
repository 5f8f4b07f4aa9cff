# The partitions of a card, sourced by scripts/image. Sizes in MiB.
BOOT_MIB=512
ROOT_MIB=768
DATA_MIB=64
GAP_MIB=4

# write_card WORK ARCH SITE OUT: WORK/root becomes root A of the image OUT.
write_card() {
  local work=$1 arch=$2 site=$3 out=$4
  boot_files "$work" "$arch" "$site"
  rm -rf "$work/root/boot"
  mkdir -p "$work/root/boot/firmware"
  mksquashfs "$work/root" "$work/root.img" -comp zstd -Xcompression-level 9 -noappend -quiet -no-progress -e proc/* sys/* dev/* run/* tmp/* -wildcards
  fits "$work/root.img" $ROOT_MIB "the root"
  truncate -s ${BOOT_MIB}M "$work/boot.img"
  mkfs.vfat -F 32 -n COLDWATCH -i C01D0A7C "$work/boot.img" >/dev/null
  mcopy -s -Q -i "$work/boot.img" "$work/boot"/* ::
  truncate -s ${DATA_MIB}M "$work/data.img"
  # Grown on the card: descriptors for that are laid by now, and the journal is that of a large one.
  mke2fs -q -t ext4 -b 4096 -L coldwatch-data -m 1 -J size=16 -E resize=64G,lazy_itable_init=1 "$work/data.img"
  assemble "$work" "$arch" "$out"
}

fits() {
  local size
  size=$(($(stat -c %s "$1") / 1048576 + 1))
  [ "$size" -le "$2" ] || { say "$3 is $size MiB, and has $2"; exit 1; }
}

assemble() {
  local work=$1 arch=$2 out=$3 at=$GAP_MIB file size label=gpt
  [ "$arch" != arm64 ] || label=dos
  rm -f "$out"
  truncate -s $((GAP_MIB * 2 + BOOT_MIB + 2 * ROOT_MIB + DATA_MIB))M "$out"
  partition_table "$label" | sfdisk --quiet "$out"
  for file in boot:$BOOT_MIB root:$ROOT_MIB none:$ROOT_MIB data:$DATA_MIB; do
    size=${file##*:}
    [ "${file%%:*}" = none ] || dd if="$work/${file%%:*}.img" of="$out" bs=1M seek=$at conv=notrunc,sparse status=none
    at=$((at + size))
  done
}

# A Raspberry Pi 3 or Zero 2 W starts from an MBR only; a mini PC's firmware may want a GPT.
partition_table() {
  if [ "$1" = dos ]; then
    printf 'label: dos\nlabel-id: 0xc01d0a7c\n'
    printf 'start=%sMiB, size=%sMiB, type=c, bootable\n' $GAP_MIB $BOOT_MIB
    printf 'size=%sMiB, type=83\n' $ROOT_MIB $ROOT_MIB $DATA_MIB
  else
    printf 'label: gpt\nlabel-id: c01d0a7c-0000-4000-8000-000000000000\n'
    printf 'start=%sMiB, size=%sMiB, type=uefi, uuid=%s, name=boot\n' $GAP_MIB $BOOT_MIB "$(partuuid gpt 1)"
    printf 'size=%sMiB, type=linux, uuid=%s, name=root-a\n' $ROOT_MIB "$(partuuid gpt 2)"
    printf 'size=%sMiB, type=linux, uuid=%s, name=root-b\n' $ROOT_MIB "$(partuuid gpt 3)"
    printf 'size=%sMiB, type=linux, uuid=%s, name=data\n' $DATA_MIB "$(partuuid gpt 4)"
  fi
}

partuuid() {
  if [ "$1" = dos ]; then printf 'c01d0a7c-0%s' "$2"; else printf 'c01d0a7c-0000-4000-8000-00000000000%s' "$2"; fi
}

# What the firmware reads: loader, kernel, and the folder that is the technician's.
boot_files() {
  local work=$1 arch=$2 site=$3 boot=$1/boot arguments='ro rootfstype=squashfs panic=10'
  mkdir -p "$boot/a" "$boot/coldwatch"
  cp scripts/imaging/boot/README.txt "$boot/"
  [ -z "$site" ] || cp -r "$site/." "$boot/coldwatch/"
  cp "$work/root/boot"/vmlinuz-* "$boot/a/vmlinuz"
  cp "$work/root/boot"/initrd.img-* "$boot/a/initrd.img"
  "boot_$arch" "$work/root" "$boot" "$arguments"
}

boot_amd64() {
  local root=$1 boot=$2 arguments=$3
  mkdir -p "$boot/EFI/BOOT" "$boot/loader/entries"
  cp "$root/usr/lib/systemd/boot/efi/systemd-bootx64.efi" "$boot/EFI/BOOT/BOOTX64.EFI"
  printf 'default a.conf\ntimeout 0\neditor no\n' >"$boot/loader/loader.conf"
  printf 'title coldwatch, root A\nlinux /a/vmlinuz\ninitrd /a/initrd.img\noptions root=PARTUUID=%s %s quiet\n' \
    "$(partuuid gpt 2)" "$arguments" >"$boot/loader/entries/a.conf"
}

# The board's firmware reads config.txt; `tryboot` will read another file beside it once there are updates.
boot_arm64() {
  local root=$1 boot=$2 arguments=$3 tree
  cp "$root"/usr/lib/raspi-firmware/{bootcode.bin,fixup*.dat,start*.elf} "$boot/"
  cp scripts/imaging/boot/config.txt "$boot/"
  printf 'root=PARTUUID=%s %s console=tty1 quiet\n' "$(partuuid dos 2)" "$arguments" >"$boot/a/cmdline.txt"
  for tree in "$root"/usr/lib/linux-image-*/broadcom/bcm27*.dtb "$root"/usr/lib/linux-image-*/broadcom/bcm2837*.dtb; do
    with_onewire "$tree" "$boot/a/$(basename "$tree")"
  done
}

# Debian's kernel brings no overlays: the 1-wire bus on GPIO 4 goes into the board's device tree itself.
with_onewire() {
  local from=$1 to=$2 gpio
  gpio=$(fdtget "$from" /__symbols__ gpio 2>/dev/null || fdtget "$from" /aliases gpio0 2>/dev/null || true)
  [ -n "$gpio" ] || { cp "$from" "$to"; say "no GPIO in $(basename "$from"): no 1-wire on that board"; return; }
  {
    dtc -q -I dtb -O dts "$from"
    # 6: active high, open drain.
    printf '/ { onewire { compatible = "w1-gpio"; gpios = <&{%s} 4 6>; }; };\n' "$gpio"
  } | dtc -q -I dts -O dtb -o "$to" -
}
