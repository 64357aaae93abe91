#!/bin/sh
# Stands in for QEMU in the tests of the runner: does what `stand_in=WHAT` on the kernel's command line says.
# Like QEMU it is started in the run's folder and writes console.txt and trace.vmt there.

for word in "$@"; do line=$word; done # the last argument is the kernel's command line
what=$(expr "$line" : '.*stand_in=\([a-z]*\)')

say() { printf '%s\n' "$@" >>console.txt; }

case $what in
poweroff)
    say "boot" "Executing 'hello':" "hello: exit(0)" "Execution of 'hello' complete." "Powering off..."
    printf 'trace\0' >>trace.vmt
    exit 33 ;;
early) say "Executing 'hello':" "Powering off..."; exit 33 ;;
panic) say "Executing 'hello':" "PANIC: on purpose"; exit 35 ;;
cannot) say "Faultline cannot start: panic= works in checked builds only"; exit 39 ;;
reset) say "boot"; exit 0 ;;
refuse) echo "qemu-system-x86_64: unable to find CPU model 'vax'" >&2; exit 1 ;;
crash) say "boot"; kill -SEGV $$ ;;
spin)
    say "Executing 'hello':"
    printf 'half a pack' >>trace.vmt
    echo $$ >pid
    exec sleep 60 ;;
deaf)
    trap '' TERM
    echo $$ >pid
    while :; do sleep 1; done ;;
*) exit 1 ;; # also the trial for KVM, which has no kernel
esac
