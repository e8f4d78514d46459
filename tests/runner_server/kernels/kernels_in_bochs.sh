#!/usr/bin/env bash
# Runs a program on an emulated CPU: Linux in Bochs, whose models have sets of instructions that the machine at hand
# lacks. No part of ./dev test, since Debian has no Bochs 3. docs/decisions/0013-amx.md and 0032-avx2.md
# tell what was run.
#
#   tests/runner_server/kernels/kernels_in_bochs.sh BOCHS KERNEL CPU PROGRAM [ARGUMENTS]
#
#   BOCHS     the sources of Bochs 3 (the folder of `configure`), built on the first run
#   KERNEL    a kernel of Linux 5.16 or newer, as Debian's linux-image-cloud-amd64 has it in /boot
#   CPU       a model of Bochs: corei7_skylake_x (avx512), corei7_icelake_u (avx512_vnni), arrow_lake (avx2_vnni),
#             sapphire_rapids (avx512_amx and all below it)
#   PROGRAM   a test, or another program that needs nothing but its libraries and the paths of FILES
#   FILES     (environment) files and folders of this tree that the program reads, by their paths from its root
#   WORK      (environment) where Bochs is built and its files lie; /tmp/kernels_in_bochs if not set. Runs that go on
#             at once need different CPUs, or different WORK
#   MEMORY    (environment) MiB of the emulated machine; 1024 if not set
#
# Needs Debian's isolinux, syslinux-common, xorriso, cpio and busybox-static. Exits as the program did. Example:
#   kernels_in_bochs.sh bochs/bochs vmlinuz arrow_lake build/tests/tests.runner_server.kernels --gtest_filter='*vnni*'
set -euo pipefail
[ $# -ge 4 ] || { sed -n '2,/^set/{/^#/p}' "$0"; exit 2; }
bochs=$(realpath "$1"); kernel=$(realpath "$2"); cpu_model=$3; program=$(realpath "$4"); shift 4
tree=$(realpath "$(dirname "$0")/../../..")
work=${WORK:-/tmp/kernels_in_bochs}
mkdir -p "$work/bochs"

# What Bochs 3.0 lacks. Linux gives tiles only where it can make a thread's first use of them a fault (extended feature
# disable, XFD); what is saved of tiles in a switch between threads is not what it should be; and products of tiles take
# signed bytes for unsigned. Each line changes one thing of that. How tiles are loaded and stored, and products in bf16,
# are Bochs's own.
complete_bochs() {  # complete_bochs CPU_FOLDER
  local cpu='BX_CPU_THIS_PTR'
  # XFD's two registers.
  sed -i 's/^  Bit64u ia32_xss;/& Bit64u ia32_xfd, ia32_xfd_err;/' "$1/cpu.h"
  sed -i "s/^  $cpu msr.ia32_xss = 0;/& $cpu msr.ia32_xfd = $cpu msr.ia32_xfd_err = 0;/" "$1/init.cc"
  local name
  for name in 'XFD:0x1c4:ia32_xfd' 'XFD_ERR:0x1c5:ia32_xfd_err'; do
    local number=${name#*:}; number=${number%:*}
    local member="$cpu msr.${name##*:}"
    sed -i -e "s/^  msr_desc\[BX_MSR_XSS\].*/& msr_desc[$number] = new MSR_Descriptor(\"${name%%:*}\", BX_ISA_AMX);/" \
      -e "/val64 = $cpu msr.ia32_xss;/{n;s/\$/ case $number: val64 = $member; break;/}" \
      -e "/$cpu msr.ia32_xss = val_64;/{n;s/\$/ case $number: $member = val_64; handleAvxModeChange(); break;/}" \
      "$1/msr.cc"
  done
  # CPUID tells of it, and of sizes with tiles where they are aligned.
  sed -i '/XTILEDATA_BIT\].attr/s/BX_XSAVE_ALIGN64/BX_XSAVE_ALIGN64 | BX_XSAVE_XFD_SUPPORT/' "$1/crregs.cc"
  sed -i -e '/is_cpu_extension_supported(BX_ISA_XSAVES)/{n;s/leaf->eax |= (1<<3);/leaf->eax |= (1<<3) | (1<<4);/}' \
    -e '/^      max_size += xsave_restore\[n\].len;/{s/^/{ /;s/$/ }/;s/max_size/if (xsave_restore[n].attr \& BX_XSAVE_ALIGN64) max_size = (max_size + 63) \& ~63u; &/}' \
    "$1/cpuid.cc"
  # The fault.
  sed -i -e "s/^  if (! long64_mode() .*get_OSXSAVE() ||\$/& ($cpu msr.ia32_xfd \& BX_XCR0_XTILEDATA_MASK) != 0 ||/" \
    -e "/::BxNoAMX/,/^}/s/^  BX_ASSERT(0);/  $cpu msr.ia32_xfd_err = BX_XCR0_XTILEDATA_MASK; exception(BX_NM_EXCEPTION, 0);/" \
    "$1/proc_ctrl.cc"
  # Sixteen rows a tile; rows and bytes of a row in their places; tiles in use when they are.
  sed -i -e 's/row < BX_TILE_REGISTERS/row < BX_TILE_MAX_ROWS/' \
    -e '/vmm16u(8+n) /s/tilecfg\[n\].rows/tilecfg[n].bytes_per_row/' \
    -e '/vmmubyte(48+n) = BX/s/tilecfg\[n\].bytes_per_row/tilecfg[n].rows/' \
    -e 's/tile_use_tracker == 0/tile_use_tracker != 0/' "$1/xsave.cc"
  # Signed bytes.
  sed -i 's/Bit32s(\([xy]byte\[[0-3]\]\))/Bit32s(Bit8s(\1))/g' "$1/avx/amx.cc"
}

if [ ! -x "$work/bochs/bochs" ]; then
  echo "building Bochs (its words are in $work/build.log)"
  cp -r "$bochs" "$work/source"
  complete_bochs "$work/source/cpu"
  (cd "$work/bochs" && export CFLAGS=-O2 CXXFLAGS=-O2 &&
    ../source/configure --enable-x86-64 --enable-cpu-level=6 --enable-avx --enable-evex --enable-amx \
      --enable-protection-keys --enable-all-optimizations --with-nogui --disable-docbook &&
    make -j "$(nproc)") >"$work/build.log" 2>&1
fi

# The root file system: the program, its libraries, its files, and an init that runs it.
run=$work/$cpu_model; root=$run/root; iso=$run/iso
rm -rf "$root" "$iso"
mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/tree" "$iso"
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$program" "$root/bin/program"
ldd "$program" | grep -o '/[^ ]*' | xargs cp -L --parents -t "$root"
for file in ${FILES:-}; do (cd "$tree" && cp -rL --parents "$file" "$root/tree"); done
cat >"$root/init" <<INIT
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox grep -o -w -E 'amx_[a-z0-9]*|avx2|avx_vnni|avx512[a-z0-9_]*' /proc/cpuinfo | /bin/busybox tr '\n' ' '
cd /tree
export TMPDIR=/tmp HOME=/tmp
/bin/program$(printf ' %q' "$@")
echo "exit status \$?"
/bin/busybox sleep 2  # The serial line is slow.
/bin/busybox poweroff -f
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$iso/initrd"

cp "$kernel" "$iso/linux"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$iso"
# 580 is the feature "fast short rep mov": Linux 6.1 uses it by halves where, as here, the CPU does not say that its
# string operations are fast, and then copies without end.
cat >"$iso/isolinux.cfg" <<CFG
default linux
label linux
  kernel linux
  append initrd=initrd console=ttyS0 clearcpuid=580 quiet panic=-1 mitigations=off
CFG
xorriso -as mkisofs -quiet -o "$run/disk.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 \
  -boot-info-table "$iso"

cat >"$run/bochsrc" <<RC
cpu: model=$cpu_model, count=1, ips=200000000, reset_on_triple_fault=0
memory: guest=${MEMORY:-1024}, host=${MEMORY:-1024}
romimage: file=$bochs/bios/BIOS-bochs-latest
vgaromimage: file=$bochs/bios/VGABIOS-lgpl/VGABIOS-lgpl-latest.bin
ata0-master: type=cdrom, path=$run/disk.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$run/serial.txt
display_library: nogui
clock: sync=none
log: $run/bochs.log
panic: action=fatal
RC
: >"$run/serial.txt"
"$work/bochs/bochs" -q -f "$run/bochsrc" >"$run/bochs.out" 2>&1 </dev/null || true
tr -d '\r' <"$run/serial.txt"
exit "$(tr -d '\r' <"$run/serial.txt" | sed -n 's/^exit status //p' | grep . || echo 1)"
