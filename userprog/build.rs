//! Links programs by `user.ld` when they are built for the bare machine; leaves host builds alone. Also the build script of `scenarios`.

use std::path::Path;

fn main() {
    let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let script = Path::new(&package).ancestors().map(|dir| dir.join("user.ld")).find(|file| file.exists());
    let script = script.expect("user.ld lies in the folder of package userprog");
    println!("cargo:rerun-if-changed={}", script.display());
    println!("cargo:rerun-if-changed={}", script.with_file_name("build.rs").display());
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    println!("cargo:rustc-link-arg-bins=-T{}", script.display());
    println!("cargo:rustc-link-arg-bins=-zmax-page-size=4096");
    println!("cargo:rustc-link-arg-bins=-znoexecstack");
}
