//! Log lines: decoded with the strings of the kernel's ELF, and only of that kernel's.

mod common;

use common::{vmtrace, write, write_run};
use object::write::{Object, Symbol, SymbolSection};
use object::{Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope};
use vmtrace::synth::{Plan, Run};

/// An ELF with a build id and these log strings, at indices 1 and following.
fn kernel(build_id: &[u8], strings: &[(&str, &str)]) -> Vec<u8> {
    let mut elf = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
    let note = elf.add_section(vec![], b".note.gnu.build-id".to_vec(), SectionKind::Note);
    let mut content = Vec::new();
    for word in [4u32, build_id.len() as u32, 3] {
        content.extend(word.to_le_bytes());
    }
    content.extend(b"GNU\0");
    content.extend(build_id);
    elf.set_section_data(note, content, 4);
    let defmt = elf.add_section(vec![], b".defmt".to_vec(), SectionKind::Data);
    elf.set_section_data(defmt, vec![0; 64], 1);
    let mut symbol = |name: String, section: SymbolSection, value: u64| {
        elf.add_symbol(Symbol {
            name: name.into_bytes(),
            value,
            size: 1,
            kind: SymbolKind::Data,
            scope: SymbolScope::Linkage,
            weak: false,
            section,
            flags: SymbolFlags::None,
        });
    };
    symbol("_defmt_version_ = 4".into(), SymbolSection::Absolute, 0);
    symbol("_defmt_encoding_ = raw".into(), SymbolSection::Absolute, 0);
    for (i, (tag, data)) in strings.iter().enumerate() {
        let name = serde_json::json!({
            "package": "kernel", "tag": tag, "data": data, "disambiguator": i.to_string(), "crate_name": "kernel",
        });
        symbol(name.to_string(), SymbolSection::Section(defmt), i as u64 + 1);
    }
    elf.write().unwrap()
}

const STRINGS: [(&str, &str); 3] =
    [("defmt_info", "process {=u8} begins"), ("defmt_error", "out of {=str}"), ("defmt_debug", "tick")];

fn run_with_logs() -> Run {
    let mut run = Run::new(Plan::default());
    let (cpu, tsc) = (run.events[0].0, run.events[0].1.tsc);
    run.logs = vec![
        (cpu, tsc, vec![1, 0, 42]),
        (cpu, tsc + 10, [&[2, 0, 9, 0, 0, 0][..], b"fr\x1b[2Jame"].concat()),
        (cpu, tsc + 20, vec![3, 0]),
    ];
    run
}

#[test]
fn log_lines_have_level_time_and_text() {
    let dir = tempfile::tempdir().unwrap();
    let run = run_with_logs();
    let elf = write(dir.path(), "kernel", &kernel(&run.hello.build_id, &STRINGS));
    let path = write_run(dir.path(), &run);
    let done = vmtrace(&["logs", &path, "--elf", &elf]);
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    assert_eq!(
        done.out,
        "    10.000 ms cpu0   INFO  process 42 begins\n    10.000 ms cpu0   ERROR out of fr\\u{1b}[2Jame\n    10.000 ms cpu0   DEBUG tick\n"
    );
    let errors = vmtrace(&["logs", &path, "--elf", &elf, "--level", "warn", "--json"]);
    let line: serde_json::Value = serde_json::from_str(&errors.out).unwrap();
    assert_eq!((line["level"].as_str(), line["cpu"].as_u64()), (Some("error"), Some(0)));
}

#[test]
fn another_kernels_strings_are_refused_unless_forced() {
    let dir = tempfile::tempdir().unwrap();
    let run = run_with_logs();
    let path = write_run(dir.path(), &run);
    let other = write(dir.path(), "other", &kernel(b"another-build-id-000", &STRINGS));
    let done = vmtrace(&["logs", &path, "--elf", &other]);
    assert_eq!((done.status, done.out.as_str()), (2, ""));
    assert!(
        done.err.contains("is not the kernel that wrote this trace") && done.err.contains("--force"),
        "{}",
        done.err
    );
    let forced = vmtrace(&["logs", &path, "--elf", &other, "--force"]);
    assert!(forced.status == 0 && forced.out.contains("process 42 begins"));
}

#[test]
fn a_trace_without_hello_cannot_be_trusted_to_any_kernel() {
    let dir = tempfile::tempdir().unwrap();
    let run = run_with_logs();
    let encoded = run.encode();
    let path = write(dir.path(), "late.vmt", &encoded.bytes[encoded.packets[0].1..]);
    let elf = write(dir.path(), "kernel", &kernel(&run.hello.build_id, &STRINGS));
    let done = vmtrace(&["logs", &path, "--elf", &elf]);
    assert!(done.status == 2 && done.err.contains("no hello was received"), "{}", done.err);
}

#[test]
fn files_that_are_no_kernel_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_run(dir.path(), &run_with_logs());
    let text = write(dir.path(), "text", b"not an ELF");
    for (elf, words) in [
        (text.as_str(), "is no ELF file"),
        (env!("CARGO_BIN_EXE_vmtrace"), "has no log strings"),
        ("/nowhere", "no such file"),
    ] {
        let done = vmtrace(&["logs", &path, "--elf", elf]);
        assert!(done.status == 2 && done.err.contains(words), "{}", done.err);
    }
}

#[test]
fn records_that_fit_no_string_are_counted_and_the_rest_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = run_with_logs();
    run.logs[1].2 = vec![250, 250, 1];
    let elf = write(dir.path(), "kernel", &kernel(&run.hello.build_id, &STRINGS));
    let done = vmtrace(&["logs", &write_run(dir.path(), &run), "--elf", &elf]);
    assert_eq!(done.status, 1);
    assert!(done.err.contains("1 of 3 log records fit none of the kernel's log strings"), "{}", done.err);
    assert_eq!(done.out.lines().count(), 2);
}
