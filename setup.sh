#!/usr/bin/env bash
# Brings a Debian or Ubuntu machine to where `just run` works: QEMU, Rust with the bare-metal target, just and vmtrace.
#
# Each step looks first, changes only what is missing, and is safe to repeat. The one large thing made here, a toolchain out of Debian's
# packages, is laid in a fresh directory, tried, and only then named by one rename; whatever a killed run leaves behind is unnamed and is
# removed by the next run.

set -euo pipefail

readonly TARGET=x86_64-unknown-none
readonly RECIPE=1 # Raise it when build_core or lay_toolchain change: toolchains made by another recipe are made anew.
readonly DEBIAN_RUST=(rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web)

usage() {
    cat <<'END'
usage: ./setup.sh [--check | --help]

  (nothing)   install what is missing, so that `just run` works
  --check     say what is there and what is missing; changes nothing; exit status 0 when all is there, else 1

Run it as root, or as yourself where sudo works (it calls sudo only for what needs root).

environment
  FAULTLINE_OFFLINE=1          do not let rustup download; build the bare-metal libraries from Debian's own Rust packages
  FAULTLINE_TOOLCHAIN=NAME     rustup's name for that toolchain                      (faultline)
  FAULTLINE_TOOLCHAIN_DIR=DIR  where it lives; one for all clones; lock and log too  (~/.local/share/faultline/toolchain)
  FAULTLINE_BIN=DIR            where just and vmtrace go              (/usr/local/bin, or ~/.local/bin where that is on PATH)

A clone that uses the Debian-made toolchain keeps it. To go back to rustup's own: rustup override unset, then ./setup.sh
END
}

# ---- words ---------------------------------------------------------------------------------------------------------------------------

STEP="set-up"
STEP_START=0
MISSING=0 # counted by --check
REPORTED=0

now_ms() { local t=${EPOCHREALTIME/[.,]/}; printf '%s' "${t%???}"; }

seconds_since() { local ms=$(($(now_ms) - $1)); printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100)); }

step() { STEP=$1 STEP_START=$(now_ms); }

# There already, or now there: one line a step.
ok() { printf '  ok    %-15s %s (%s)\n' "$STEP" "$1" "$(seconds_since "$STEP_START")"; }

doing() { printf '  ...   %-15s %s\n' "$STEP" "$1"; }

missing() { printf '  MISS  %-15s %s\n' "$STEP" "$1"; MISSING=$((MISSING + 1)); }

# What failed, the end of the log, how to mend it.
fail() { # what · how to mend it
    local mend=$2
    {
        printf '\nsetup.sh: FAILED at "%s": %s\n' "$STEP" "$1"
        if [ -s "${LOG:-}" ]; then
            printf '  the end of %s:\n' "$LOG"
            grep -v '^ *$' "$LOG" | tail -n 8 | cut -c1-200 | sed 's/^/    | /'
            if log_says 'No space left on device'; then
                mend="the disk is full: make room, then run ./setup.sh again"
            elif log_says "$NO_NETWORK"; then
                mend="there seems to be no network, or a mirror is down: mend that, then run ./setup.sh again"
            elif log_says 'could not get lock'; then
                mend="another package manager is at work: wait for it, then run ./setup.sh again"
            fi
        fi
        printf '  to mend: %s\n' "$mend"
    } >&2
    REPORTED=1
    exit 1
}

readonly NO_NETWORK='could not resolve|temporary failure|failed to fetch|unable to connect|network is unreachable|connection refused|spurious network|could.?n.t resolve|NewConnectionError'
log_says() { tail -n 40 "$LOG" | grep -qiE "$1"; }

# Runs at every end: nothing ends without a word about it.
farewell() {
    local status=$?
    rm -rf "$STAGE"
    remove_unnamed
    if [ "$status" -ne 0 ] && [ "$REPORTED" = 0 ]; then
        printf '\nsetup.sh: stopped at "%s" (status %d); nothing is half-made, run ./setup.sh again; log: %s\n' "$STEP" "$status" "$LOG" >&2
    fi
}

logged() {
    printf '\n$ %s\n' "$*" >>"$LOG"
    "$@" >>"$LOG" 2>&1 </dev/null 9>&-
}

have() { command -v "$1" >/dev/null 2>&1; }

at_least() { [ "$(printf '%s\n' "$2" "$1" | sort -V | sed -n 1p)" = "$2" ]; } # version · least version

# ---- root and packages ---------------------------------------------------------------------------------------------------------------

SUDO=()
APT_FRESH=0

can_be_root() {
    [ "$EUID" -ne 0 ] || return 0
    SUDO=(sudo)
    have sudo || return 1
    sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]; }

refresh_packages() {
    if [ "$APT_FRESH" = 1 ] || ! have apt-get || ! can_be_root; then return 0; fi
    APT_FRESH=1
    # One broken third-party list need not matter: the install that follows decides.
    logged "${SUDO[@]}" apt-get update -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 || true
}

candidate() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p' | grep -v '^(none)$'; }

apt_install() {
    have apt-get || fail "this machine has no apt-get; missing: $*" "install these by your system's means, then run ./setup.sh again"
    can_be_root || fail "installing packages needs root, and sudo does not work here without asking" \
        "as root: apt-get install --no-install-recommends $*   then run ./setup.sh again"
    local install=("${SUDO[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends --no-remove
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 "$@")
    doing "apt-get install $*"
    refresh_packages
    if logged "${install[@]}"; then return 0; fi
    # A killed dpkg leaves packages half configured; it mends them itself when told to.
    logged "${SUDO[@]}" env DEBIAN_FRONTEND=noninteractive dpkg --configure -a || true
    if logged "${install[@]}" || install_beside_newer_qemu_utils "${install[@]}"; then return 0; fi
    fail "apt-get could not install $*" "run: apt-get update && apt-get install $*   and mend what it names"
}

# A qemu-utils of backports excludes this release's qemu-system: the same version of qemu-system is better, else this release's
# qemu-utils, which keeps the tools that a removal would take away.
install_beside_newer_qemu_utils() { # the apt-get command that failed
    local release utils
    [[ " $* " == *" qemu-system-x86 "* ]] && installed qemu-utils || return 1
    utils=$(dpkg-query -W -f '${Version}' qemu-utils)
    release=$(candidate qemu-system-x86)
    if [ -z "$release" ] || [ "$utils" = "$release" ]; then return 1; fi
    doing "qemu-utils $utils excludes qemu-system-x86 $release: looking for its own version"
    if logged "$@" "qemu-system-x86=$utils" "qemu-system-common=$utils" "qemu-system-data=${utils%+b[0-9]*}"; then return 0; fi
    doing "not to be had: apt-get install qemu-utils=$release, the version that goes with it"
    logged "$@" --allow-downgrades "qemu-utils=$release"
}

wanted_packages() {
    have qemu-system-x86_64 || echo qemu-system-x86
    have cc || echo gcc
    if ! have cc || ! echo '#include <stdlib.h>' | cc -E - >/dev/null 2>&1; then echo libc6-dev; fi
    have fsck.fat || [ -x /usr/sbin/fsck.fat ] || echo dosfstools # the tests of the volume ask it
    have mcopy || echo mtools
    [ -n "${SSL_CERT_FILE:-}" ] || [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates # cargo's downloads
}

packages_ready() { [ -z "$(wanted_packages)" ]; }

packages_said() { echo "$(qemu-system-x86_64 --version | sed -n 1p); $(cc --version | sed -n 1p)"; }

set_up_packages() {
    step "packages"
    local wanted
    mapfile -t wanted < <(wanted_packages)
    if [ "${#wanted[@]}" -gt 0 ]; then apt_install "${wanted[@]}"; fi
    packages_ready || fail "still missing after apt-get install: $(wanted_packages | tr '\n' ' ')" "install them by hand"
    ok "$(packages_said)"
}

# ---- Rust ----------------------------------------------------------------------------------------------------------------------------

least_rust() { sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$REPO/Cargo.toml"; }

# What a killed run leaves running must not hold the lock (9).
in_repo() { (cd "$REPO" && RUSTUP_AUTO_INSTALL=0 "$@") 9>&-; }

# Compiles and links a small program with alloc and LTO: proves core, alloc, their bitcode and the linker at once.
links_bare_metal() { # rustc and its first arguments
    local dir status=0
    dir=$(mktemp -d "${STAGE:-${TMPDIR:-/tmp}}/probe.XXXXXX")
    cat >"$dir/probe.rs" <<'END'
#![no_std]
#![no_main]
extern crate alloc;
struct Never;
unsafe impl core::alloc::GlobalAlloc for Never {
    unsafe fn alloc(&self, _: core::alloc::Layout) -> *mut u8 { core::ptr::null_mut() }
    unsafe fn dealloc(&self, _: *mut u8, _: core::alloc::Layout) {}
}
#[global_allocator]
static NEVER: Never = Never;
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
#[unsafe(no_mangle)]
pub extern "C" fn _start(x: u64) -> usize { alloc::vec![x; 9].len() + alloc::format!("{x:?}").len() }
END
    in_repo "$@" --edition 2024 --target "$TARGET" -O -Clto=thin -Cpanic=abort -o "$dir/probe" "$dir/probe.rs" >"$dir/said" 2>&1 || status=$?
    if [ -n "${LOG:-}" ]; then cat "$dir/said" >>"$LOG"; fi
    rm -rf "$dir"
    return "$status"
}

rust_version() { in_repo rustc -V 2>/dev/null | sed 's/rustc \([0-9.]*\).*/\1/'; }

sysroot() { in_repo rustc --print sysroot 2>/dev/null; }

# Whether the compiler this clone uses is the one made here, whatever state it is in.
uses_ours() {
    if have rustup; then
        [ "$(in_repo rustup show active-toolchain 2>/dev/null | sed 's/ .*//')" = "$NAME" ]
    else
        case "$(sysroot)" in "$DIR" | "$DIR".*) ;; *) return 1 ;; esac
    fi
}

# What a toolchain made here must have been made from.
expected_stamp() {
    printf 'recipe %s\n' "$RECIPE"
    dpkg-query -W -f '${Package} ${Version}\n' "${DEBIAN_RUST[@]}" 2>/dev/null || true
    /usr/bin/rustc -vV 2>/dev/null || true
}

ours_is_current() { [ -e "$DIR/stamp" ] && [ "$(cat "$DIR/stamp")" = "$(expected_stamp)" ]; }

rust_ready() {
    local version
    version=$(rust_version) && [ -n "$version" ] && at_least "$version" "$(least_rust)" || return 1
    if uses_ours; then ours_is_current || return 1; fi
    in_repo cargo clippy -V >/dev/null 2>&1 && in_repo cargo fmt --version >/dev/null 2>&1 && links_bare_metal rustc
}

rust_said() {
    local whose="rustup's own"
    if uses_ours; then whose="made from Debian's packages in $DIR"; fi
    if ! have rustup && ! uses_ours; then whose="found on PATH"; fi
    echo "rustc $(rust_version) for $TARGET, $whose"
}

set_up_rust() {
    step "Rust"
    if rust_ready; then ok "$(rust_said), already here"; return; fi
    if have rustup; then
        if [ -n "${FAULTLINE_OFFLINE:-}" ] || uses_ours || ! by_rustup; then from_debian; fi
    else
        refresh_packages
        if debian_has_rust; then
            from_debian
        elif [ -n "${FAULTLINE_OFFLINE:-}" ] || ! { have apt-get && candidate rustup >/dev/null; }; then
            fail "no rustup here, and no package rustc-web $(least_rust) or newer" \
                "install rustup (https://rustup.rs), or on Debian 12 enable bookworm-security; then run ./setup.sh again"
        else
            apt_install rustup
            by_rustup || fail "rustup could not install what rust-toolchain.toml names" "see that rustup can download, then run ./setup.sh again"
        fi
    fi
    hash -r
    rust_ready || fail "the toolchain is laid, but does not build for $TARGET" "send the log; rm -r $DIR makes the next run start afresh"
    ok "$(rust_said)"
}

by_rustup() {
    doing "rustup: downloading what rust-toolchain.toml names"
    local version
    version=$(rust_version) || true
    # A toolchain that is new enough only gets what it lacks; it is not moved to a newer version behind its owner's back.
    if [ -n "$version" ] && at_least "$version" "$(least_rust)"; then
        if in_repo logged timeout 900 rustup target add "$TARGET"; then
            in_repo logged timeout 900 rustup component add clippy rustfmt || true
        fi
    else
        # Without a name: the one rust-toolchain.toml names. Before rustup 1.28, `show` did that.
        in_repo logged timeout 900 rustup toolchain install --no-self-update || in_repo logged timeout 900 rustup show || true
    fi
    rust_ready || { doing "rustup could not (see $LOG)"; return 1; }
}

debian_has_rust() {
    local version
    version=$(candidate rustc-web) && at_least "$version" "$(least_rust)"
}

# Linked, not copied: it finds its libraries by where it really lies. Toolchains that are links are ours.
find_rust_lld() {
    local lld
    for lld in "${RUSTUP_HOME:-$HOME/.rustup}"/toolchains/*/lib/rustlib/*/bin/rust-lld /usr/bin/ld.lld; do
        if ! [[ $lld == */lib/rustlib/* && -L ${lld%/lib/rustlib/*} ]] && "$lld" -flavor gnu --version >/dev/null 2>&1; then
            echo "$lld"
            return 0
        fi
    done
    return 1
}

# The closed way: Debian's compiler, and core and alloc for the bare-metal target compiled once from Debian's sources of it.
from_debian() {
    local package absent=()
    for package in "${DEBIAN_RUST[@]}"; do installed "$package" || absent+=("$package"); done
    if [ "${#absent[@]}" -gt 0 ] || ! at_least "$(/usr/bin/rustc -V | cut -d' ' -f2)" "$(least_rust)"; then
        refresh_packages
        debian_has_rust || fail "this distribution has no package rustc-web $(least_rust) or newer" \
            "let rustup download (unset FAULTLINE_OFFLINE, see its log), or on Debian 12 enable bookworm-security; then run ./setup.sh again"
        if installed rustup; then
            fail "Debian's package rustup excludes the package rustc-web" "either let rustup download, or apt-get remove rustup; then run ./setup.sh again"
        fi
        apt_install "${DEBIAN_RUST[@]}"
    fi
    find_rust_lld >/dev/null || apt_install lld
    find_rust_lld >/dev/null || fail "no working LLVM linker, though the package lld is there" "run: ld.lld --version"
    if ours_is_current && links_bare_metal "$DIR/bin/rustc"; then
        doing "the shared toolchain in $DIR is current"
    else
        make_toolchain
    fi
    use_toolchain
}

make_toolchain() {
    local new
    doing "compiling core and alloc for $TARGET (half a minute, once)"
    remove_unnamed
    new=$(mktemp -d "$DIR.XXXXXX")
    chmod 755 "$new"
    build_core "$new" || fail "Debian's cargo could not compile core and alloc" \
        "apt-get install --reinstall ${DEBIAN_RUST[*]}   then run ./setup.sh again"
    lay_toolchain "$new"
    links_bare_metal "$new/bin/rustc" || fail "the new toolchain cannot build for $TARGET; the old one, if any, is untouched" "send the log"
    expected_stamp >"$new/stamp"
    name_toolchain "$new"
    remove_unnamed
}

build_core() { # new toolchain
    local seed=$1/build
    mkdir -p "$seed/src"
    printf '[package]\nname = "seed"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n' >"$seed/Cargo.toml"
    printf '#![no_std]\nextern crate alloc;\n' >"$seed/src/lib.rs"
    # As the released libraries are: with frame pointers for backtraces, line tables, and bitcode for LTO. Only this build, of the
    # compiler's own library by its own compiler, needs RUSTC_BOOTSTRAP.
    (cd "$seed" && logged env -u CARGO_ENCODED_RUSTFLAGS PATH=/usr/bin:/bin RUSTC=/usr/bin/rustc RUSTC_WRAPPER='' RUSTC_WORKSPACE_WRAPPER='' \
        RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Cforce-frame-pointers=yes -Cembed-bitcode=yes" CARGO_PROFILE_RELEASE_DEBUG=line-tables-only \
        CARGO_TARGET_DIR="$seed/target" /usr/bin/cargo build --release --target "$TARGET" -Zbuild-std=core,alloc -Zbuild-std-features=compiler-builtins-mem) 9>&-
}

lay_toolchain() { # new toolchain, with core built in it
    local new=$1 host lld tool
    host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
    lld=$(find_rust_lld)
    mkdir -p "$new/bin" "$new/lib/rustlib/$TARGET/lib" "$new/lib/rustlib/$host/bin"
    mv "$new/build/target/$TARGET/release/deps"/lib{core,alloc,compiler_builtins}-*.rlib "$new/lib/rustlib/$TARGET/lib/"
    rm -rf "$new/build"
    ln -s "/usr/lib/rustlib/$host/lib" "$new/lib/rustlib/$host/lib"
    ln -s "$lld" "$new/lib/rustlib/$host/bin/rust-lld"
    for tool in rustc rustdoc; do printf '#!/bin/sh\nexec /usr/bin/%s --sysroot "%s" "$@"\n' "$tool" "$new" >"$new/bin/$tool"; done
    printf '#!/bin/sh\nSYSROOT="%s" exec /usr/bin/clippy-driver "$@"\n' "$new" >"$new/bin/clippy-driver"
    chmod 755 "$new"/bin/*
    cp /usr/bin/cargo-clippy "$new/bin/" # a copy: it calls the clippy-driver that lies beside it
    for tool in cargo cargo-fmt rustfmt; do ln -s "/usr/bin/$tool" "$new/bin/$tool"; done
}

# The directory's name is a link, so that taking the new one is one rename.
name_toolchain() { # new toolchain
    ln -s "$(basename "$1")" "$DIR.link"
    if [ -d "$DIR" ] && [ ! -L "$DIR" ]; then mv -T "$DIR" "$DIR.former"; fi # remove_unnamed takes it
    mv -T "$DIR.link" "$DIR"
}

remove_unnamed() { # under the lock
    local each named
    named=$(readlink -f "$DIR" || true)
    for each in "$DIR".??????; do
        if [ -d "$each" ] && [ "$each" != "$named" ]; then rm -rf "$each"; fi
    done
    rm -f "$DIR.link"
}

use_toolchain() {
    if have rustup; then
        if [ "$(readlink "${RUSTUP_HOME:-$HOME/.rustup}/toolchains/$NAME" || true)" != "$DIR" ]; then
            logged rustup toolchain link "$NAME" "$DIR" || fail "rustup would not link $DIR as $NAME" "rustup toolchain uninstall $NAME; ./setup.sh"
        fi
        logged rustup override set "$NAME" --path "$REPO" || fail "rustup would not set $NAME for this clone" "see the log"
        rm -f "$REPO/.toolchain"
    else
        ln -sfn "$DIR" "$REPO/.toolchain" # the Justfile puts its bin first on PATH
        PATH=$REPO/.toolchain/bin:$PATH
    fi
}

# ---- just and vmtrace ----------------------------------------------------------------------------------------------------------------

LOGIN_PATH=

# The PATH a new login shell has, whatever this one's is.
find_login_path() {
    # shellcheck disable=SC2016 # the login shell expands it
    LOGIN_PATH=$(timeout 20 env -i HOME="$HOME" USER="$(id -un)" LOGNAME="$(id -un)" TERM=dumb bash -lc 'printf "\nPATH=%s\n" "$PATH"' \
        </dev/null 2>/dev/null 9>&- | sed -n 's/^PATH=//p' | tail -n 1) || true
    LOGIN_PATH=${FAULTLINE_BIN:+$FAULTLINE_BIN:}${LOGIN_PATH:-/usr/local/bin:/usr/bin:/bin}
}

on_login_path() { PATH=$LOGIN_PATH command -v "$1"; }

# The first directory that may be written and that login shells search: best one that this shell searches too.
choose_bin() {
    local dir paths candidates=("$HOME/.local/bin" /usr/local/bin)
    if [ "$EUID" -eq 0 ]; then candidates=(/usr/local/bin "$HOME/.local/bin"); fi
    if [ -n "${FAULTLINE_BIN:-}" ]; then mkdir -p "$FAULTLINE_BIN"; BIN=$FAULTLINE_BIN; return; fi
    for paths in "$CALLER_PATH" "$LOGIN_PATH"; do
        for dir in "${candidates[@]}"; do
            [[ :$LOGIN_PATH: == *:$dir:* && :$paths: == *:$dir:* ]] || continue
            BIN=$dir
            if [ -w "$dir" ] || { [ "$dir" = /usr/local/bin ] && can_be_root; }; then return; fi
        done
    done
    BIN=$HOME/.local/bin
    mkdir -p "$BIN"
    find_login_path # some login shells search it once it is there
}

# Replaces BIN/name by one rename; does nothing where login shells find the same file already.
put_on_path() { # file · name
    local as=() found
    if found=$(on_login_path "$2") && cmp -s "$1" "$found"; then return; fi
    choose_bin
    if [ ! -w "$BIN" ]; then
        can_be_root || fail "$BIN may not be written, and sudo does not work here" "set FAULTLINE_BIN to a directory on PATH"
        as=("${SUDO[@]}")
    fi
    { logged "${as[@]}" install -m 755 "$1" "$BIN/.$2.new" && logged "${as[@]}" mv -fT "$BIN/.$2.new" "$BIN/$2"; } ||
        fail "could not write $BIN/$2" "see that $BIN may be written"
    hash -r
    found=$(on_login_path "$2") ||
        fail "$BIN is not on the PATH of a login shell" "add to ~/.profile: PATH=\"$BIN:\$PATH\"   then run ./setup.sh again"
    [ "$found" -ef "$BIN/$2" ] || fail "$found hides $BIN/$2" "remove $found, or set FAULTLINE_BIN=$(dirname "$found")"
    [[ :$CALLER_PATH: == *:$BIN:* ]] || doing "$BIN is not on this shell's PATH: use a new login shell, or PATH=\"$BIN:\$PATH\""
}

set_up_just() {
    local found stage python
    step "just"
    if found=$(on_login_path just); then ok "$("$found" --version) at $found, already here"; return; fi
    refresh_packages
    if have apt-get && candidate just >/dev/null; then
        apt_install just
    else
        doing "pip install rust-just, in a private environment"
        python=python3
        python3 -c 'import ensurepip, venv' 2>/dev/null || python=/usr/bin/python3
        "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
        stage=$STAGE/just
        # The package holds one native program; the environment is only the way to it.
        { logged "$python" -m venv "$stage" && logged "$stage/bin/pip" install --disable-pip-version-check rust-just; } ||
            fail "pip could not install rust-just" "see that pip can download, or: cargo install just --locked; then run ./setup.sh again"
        put_on_path "$stage/bin/just" just
    fi
    found=$(on_login_path just) || fail "just is installed but not on the PATH of a login shell" "see where it lies: type -a just"
    ok "$("$found" --version) at $found"
}

set_up_vmtrace() {
    local already="" found
    step "vmtrace"
    doing "cargo install --path host-tools/vmtrace (a second if nothing changed, else a minute or two)"
    in_repo logged cargo install --locked --no-track --force --path host-tools/vmtrace --root "$STAGE/vmtrace" ||
        fail "host-tools/vmtrace does not build" "mend what the compiler says (cargo build -p vmtrace), then run ./setup.sh again"
    if found=$(on_login_path vmtrace) && cmp -s "$STAGE/vmtrace/bin/vmtrace" "$found"; then already=", already current"; fi
    put_on_path "$STAGE/vmtrace/bin/vmtrace" vmtrace
    ok "$(on_login_path vmtrace)$already"
}

# ---- the whole -----------------------------------------------------------------------------------------------------------------------

check() {
    local found
    step "packages"
    if packages_ready; then ok "$(packages_said)"; else missing "$(wanted_packages | tr '\n' ' ')"; fi
    step "Rust"
    if rust_ready; then ok "$(rust_said)"; else missing "Rust $(least_rust) or newer with clippy, rustfmt and the target $TARGET"; fi
    step "just"
    if found=$(on_login_path just); then ok "$("$found" --version) at $found"; else missing "not on the PATH of a login shell"; fi
    step "vmtrace"
    if found=$(on_login_path vmtrace); then ok "$found"; else missing "not on the PATH of a login shell"; fi
    [ "$MISSING" -eq 0 ] || { printf '%d missing: run ./setup.sh\n' "$MISSING"; return 1; }
    echo "all there"
}

set_up() {
    local start
    start=$(now_ms)
    mkdir -p "$STATE"
    LOG=$STATE/setup.log
    exec 9>"$STATE/lock"
    flock -n 9 || { echo "another ./setup.sh is at work ($STATE/lock): waiting for it"; flock 9; }
    : >"$LOG"
    rm -rf "$STATE"/stage.*
    STAGE=$(mktemp -d "$STATE/stage.XXXXXX")
    trap farewell EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    set_up_packages
    set_up_rust
    set_up_just
    set_up_vmtrace
    printf 'ready in %s: just run\n' "$(seconds_since "$start")"
    have rustup || [ ! -e "$REPO/.toolchain" ] || echo "(cargo by hand, without just: PATH=\"$REPO/.toolchain/bin:\$PATH\")"
}

main() {
    local mode=${1:-set-up}
    if [ $# -gt 1 ]; then mode=wrong; fi
    : "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
    export HOME
    REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
    NAME=${FAULTLINE_TOOLCHAIN:-faultline}
    DIR=${FAULTLINE_TOOLCHAIN_DIR:-$HOME/.local/share/faultline/toolchain}
    STATE=$(dirname "$DIR")
    CALLER_PATH=$PATH
    PATH=$PATH:$HOME/.cargo/bin:/usr/local/bin:/usr/sbin:/sbin
    if ! have rustup && [ -d "$REPO/.toolchain/bin" ]; then PATH=$REPO/.toolchain/bin:$PATH; fi
    unset RUSTUP_TOOLCHAIN # it would hide what this clone is set to
    find_login_path
    case "$mode" in
        -h | --help) usage; return ;;
        --check) check; return ;;
        set-up) ;;
        *) usage >&2; exit 2 ;;
    esac
    if [ "$EUID" -eq 0 ] && [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ] && [ "$(stat -c %u "$REPO")" -ne 0 ]; then
        fail "run by sudo in a clone that belongs to someone else" "run ./setup.sh without sudo: it calls sudo where it needs root"
    fi
    set_up
}

main "$@"
