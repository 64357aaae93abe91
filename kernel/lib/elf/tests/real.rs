//! Programs made by the machine's own C compiler and linker are accepted; what a plain `cc` makes is refused for the right reason.
//!
//! The linker that made this test is run as `cc`, so that it is always there.

use fl_addr::PAGE_SIZE;
use fl_elf::{Error, OutOfBounds, Plan, plan};
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = r#"
    const char text[] = "constant";
    int data = 42;
    char bss[20000];
    void _start(int argc, char **argv) { bss[argc] = text[0] + data; for (;;) ; }
"#;

/// Compiles `PROGRAM` with these arguments and returns the file.
fn compiled(name: &str, args: &[&str]) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, output) = (dir.join(format!("{name}.c")), dir.join(name));
    std::fs::write(&source, PROGRAM).unwrap();
    let run = Command::new("cc")
        .args(["-O1", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fcf-protection=none"])
        .args(args)
        .arg(&source)
        .arg("-o")
        .arg(&output)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    std::fs::read(output).unwrap()
}

/// Loads the whole program and looks for its constant and its variable.
fn loads(name: &str, args: &[&str]) -> Plan {
    let file = compiled(name, args);
    let plan = plan(file.as_slice()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let (mut constant, mut code) = (None, false);
    for page in plan.pages() {
        let (planned, mut bytes) = (plan.page(page).unwrap(), [0xaa; PAGE_SIZE]);
        planned.fill(file.as_slice(), &mut bytes).unwrap();
        if bytes.windows(9).any(|w| w == b"constant\0") {
            constant = Some(planned.write);
        }
        code |= planned.exec && plan.entry.vpn() == page && bytes[plan.entry.page_offset()] != 0;
    }
    assert_eq!(constant, Some(false), "{name}: the constant is there and read-only");
    assert!(code, "{name}: the entry has code");
    assert!(plan.pages().any(|p| plan.is_pure_zero(p) && plan.page(p).unwrap().write), "{name}: bss");
    plan
}

#[test]
fn a_static_program_is_loaded() {
    loads("separate", &["-static", "-no-pie", "-fno-pic"]);
}

#[test]
fn a_static_program_with_code_and_headers_in_one_page_is_loaded() {
    let plan = loads("merged", &["-static", "-no-pie", "-fno-pic", "-Wl,-z,noseparate-code"]);
    assert_eq!(plan.page(plan.entry.vpn()).unwrap().pieces[0].file_offset, 0, "headers come before the code");
}

#[test]
fn a_static_pie_and_a_dynamic_program_are_refused() {
    let refused = |name, args: &[&str]| plan(compiled(name, args).as_slice()).unwrap_err();
    assert_eq!(refused("pie", &["-static-pie", "-fpie"]), Error::<OutOfBounds>::WrongType(3));
    assert_eq!(refused("object", &["-c"]), Error::WrongType(1));
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libempty.so");
    let made = Command::new("cc")
        .args(["-shared", "-nostdlib", "-x", "c", "/dev/null", "-o"])
        .arg(&library)
        .status();
    assert!(made.unwrap().success());
    let dynamic = ["-no-pie", "-fno-pic", "-Wl,--no-as-needed", library.to_str().unwrap()];
    assert_eq!(refused("dynamic", &dynamic), Error::Interpreter);
}
