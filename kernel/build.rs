//! Passes the linker scripts and asks for a build id: `vmtrace logs` refuses an ELF whose id differs from the trace's.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=linker.ld");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let dir = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    for arg in [&format!("-T{dir}/linker.ld"), "-Tdefmt.x", "--build-id=sha1", "-znostart-stop-gc"] {
        println!("cargo:rustc-link-arg-bins={arg}");
    }
}
