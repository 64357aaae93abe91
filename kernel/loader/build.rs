//! Passes the linker script when the loader is built for the bare machine; host builds (tests, clippy) link as usual.

fn main() {
    println!("cargo:rerun-if-changed=loader.ld");
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let dir = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
        println!("cargo:rustc-link-arg-bins=-T{dir}/loader.ld");
    }
}
