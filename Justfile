# The project's recipes: each is a line or two over cargo or `cargo xtask`, which documents its own flags (just run --help).

# A clone set up without rustup has its toolchain behind this link (see setup.sh); cargo of a rustup that no profile names comes last.
toolchain := justfile_directory() / ".toolchain" / "bin"
export PATH := (if path_exists(toolchain) == "true" { toolchain + ":" } else { "" }) + env("PATH") + ":" + env("HOME") / ".cargo/bin"

# Arguments reach the commands as they were typed, spaces in quotes included.
set positional-arguments

# Links in the documentation lead somewhere, if only for those who read the source.
rustdoc := "-D warnings -A rustdoc::private-intra-doc-links"

# What runs on the bare machine; the rest is the workspace's default members and runs on the host.
bare := "--target x86_64-unknown-none --package faultline --package loader --package userprog --package scenarios"

# List the recipes
[private]
default:
    @just --justfile "{{ justfile() }}" --list --unsorted

# Boot the kernel in QEMU and show the page faults of its programs: `just run`, `just run --exec 'hello a b'`
run *ARGS:
    cargo xtask run "$@"

# Compile a C program for the kernel: `just cc hello.c`, `just cc a.c b.c -o prog -- -O0`
[no-cd, no-exit-message]
cc *ARGS:
    cargo xtask cc "$@"

# Run one program by name, those that cc compiled first: `just exec hello`, `just exec 'hello a b' --gdb`
[no-cd, no-exit-message]
exec *ARGS:
    cargo xtask exec "$@"

# Look at the trace of the last run: `just trace timeline`, `just trace stats`
trace *ARGS:
    cargo xtask trace "$@"

# Run all tests: first those of the host, then those that boot the kernel in QEMU
test:
    cargo test
    cargo test --package userprog --package scenarios --package loader --lib
    cargo xtask test

# Run all conformance scenarios, or the same ones of a pintos-kaist repository: `just conformance --programs ~/pintos-kaist/vm/build`
[no-exit-message]
conformance *ARGS:
    cargo xtask conformance "$@"

# Count the instructions of system calls, fork and page faults against their targets: `just bench`, `just bench vm --json out.json`
[no-exit-message]
bench *ARGS:
    cargo xtask bench "$@"

# Check the format, and run clippy with warnings denied, on host and bare-metal packages
lint:
    cargo fmt --all --check
    cargo clippy --all-targets -- -D warnings
    cargo clippy {{ bare }} -- -D warnings

# Model-check what runs concurrently: frame caches, event rings, page tables, page states, parents and children, sleeping; each mutant must be caught
loom:
    RUSTFLAGS="--cfg loom" cargo test --target-dir target/loom --package fl-frames --package fl-ring --package fl-paging --package fl-vmcore --package fl-family --package fl-sleep --package fl-shootdown --test loom

# All that CI checks
ci: lint doc test loom (conformance "--quiet")

# Put the sources into the project's format
fmt:
    cargo fmt --all

# Build the documentation of every package into target/doc and target/x86_64-unknown-none/doc
doc:
    RUSTDOCFLAGS="{{ rustdoc }}" cargo doc --no-deps
    RUSTDOCFLAGS="{{ rustdoc }}" cargo doc --no-deps {{ bare }}
