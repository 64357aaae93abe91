//! Programs in C: compiled by `cargo xtask cc` or by hand, they run; compiled for another system, they are refused in a sentence.

use crate::Test;
use qemu_tests::{guest, run_in_order, tail};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use xtask::run::Run;
use xtask::volume::Put;
use xtask::{artifacts, cc};

pub const TESTS: &[Test] = &[
    ("c_programs_run_at_every_optimisation", c_programs_run_at_every_optimisation),
    ("the_first_c_program_of_a_newcomer_runs", the_first_c_program_runs),
    ("a_failed_assertion_in_c_is_told", a_failed_assertion_is_told),
    ("a_c_program_uses_files_and_processes", a_c_program_uses_files_and_processes),
    ("a_c_program_made_without_our_files_runs", a_c_program_without_our_files_runs),
    ("a_c_program_for_another_system_is_refused_in_a_sentence", a_c_program_for_another_system_is_refused),
    ("c_that_does_not_compile_leaves_the_last_good_program", c_that_does_not_compile),
];

/// Why these tests cannot run here.
pub fn missing() -> Option<String> {
    let gcc = || Command::new("gcc").arg("--version").output().is_ok_and(|said| said.status.success());
    cc::missing().or_else(|| (!gcc()).then(|| "gcc cannot be started (apt-get install gcc)".to_owned()))
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/qemu/c").join(name)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder that goes with the test. The name keeps tests of one process apart.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let output =
            artifacts::Artifacts::from_env().ok().flatten().expect("a test that runs has artefacts").output;
        let path = output.join(format!("test-c-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the folder can be made");
        Self(path)
    }

    /// Writes a file of C.
    fn c(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("the file can be written");
        path
    }

    /// What `cargo xtask cc` does.
    fn compile(&self, file: &Path, name: &str, flags: &[&str]) -> xtask::Result<PathBuf> {
        let flags = flags.iter().map(OsString::from).collect();
        let program =
            cc::Program { files: vec![file.to_owned()], name: Some(name.to_owned()), flags, quiet: true };
        cc::compile(&root(), &self.0, &program)
    }

    /// Compiles by hand, with nothing but these flags.
    fn by_hand(&self, file: &Path, name: &str, flags: &[&str]) -> PathBuf {
        let path = self.0.join(name);
        let status = Command::new("gcc").args(flags).arg("-o").arg(&path).arg(file).status();
        assert!(status.expect("gcc starts").success(), "{flags:?}");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn with(mut run: Run, file: PathBuf) -> Run {
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    run.put.push(Put { file, name });
    run
}

const SUITE: &str = "-7    42|42   |-0042 4000000000 ff 0XFF c text cu %
-1 9223372036854775808 16 -1 0x4000 +3    5 3.142 -0.500000   2.2 9%q

trace 512.0
wide 555555555
NAME: 1 arguments, the last is 'last'
NAME: exit(7)
";

fn c_programs_run_at_every_optimisation() {
    let folder = Folder::new("suite");
    let levels = [("suite-O0", "-O0"), ("suite-O2", "-O2"), ("suite-O3", "-O3"), ("suite-Os", "-Os")];
    let mut run = guest(&[]);
    for (name, level) in levels {
        let file = folder
            .compile(&source("suite.c"), name, &[level, "-Wno-format"])
            .unwrap_or_else(|e| panic!("{e}"));
        run = with(run, file).exec(&format!("{name} last"));
    }
    let ran = run_in_order(run);
    for (name, level) in levels {
        let expected = SUITE.replace("NAME", name);
        assert_eq!(ran.output_of(&format!("{name} last")), expected, "{level}");
    }
    let disassembly = Command::new("objdump").arg("-d").arg(cc::folder(&folder.0).join("suite-O2")).output();
    if let Ok(shown) = disassembly {
        assert!(String::from_utf8_lossy(&shown.stdout).contains("mulpd"), "-O2 uses the vector unit");
    }
}

fn a_c_program_uses_files_and_processes() {
    let folder = Folder::new("files");
    let file = folder.compile(&source("files.c"), "c-files", &["-O2"]).unwrap_or_else(|e| panic!("{e}"));
    let ran = run_in_order(with(guest(&[]), file).exec("c-files"));
    assert!(ran.output_of("c-files").ends_with("files in C\nc-files: exit(0)\n"), "{}", tail(&ran.outcome));
}

fn the_first_c_program_runs() {
    let folder = Folder::new("hello");
    let ours =
        folder.compile(&root().join("userprog/c/hello.c"), "hello-c", &[]).unwrap_or_else(|e| panic!("{e}"));
    let classic =
        folder.c("classic.c", "#include <stdio.h>\nint main() { printf(\"Hello, World!\\n\"); return 0; }\n");
    let classic =
        folder.compile(&classic, "classic", &["-std=c89", "-Werror"]).unwrap_or_else(|e| panic!("{e}"));
    let ran = run_in_order(with(with(guest(&["hello-c you", "classic"]), ours), classic));
    assert_eq!(ran.output_of("hello-c you"), "hello from C, you\nhello-c: exit(0)\n");
    assert_eq!(ran.output_of("classic"), "Hello, World!\nclassic: exit(0)\n");
}

fn a_failed_assertion_is_told() {
    let folder = Folder::new("assert");
    let file = folder.c(
        "fail.c",
        "#include \"faultline.h\"\nint main(int argc, char **argv) {\n  assert(argc == 9);\n  halt();\n}\n",
    );
    let file = folder.compile(&file, "fail", &[]).unwrap_or_else(|e| panic!("{e}"));
    let ran = run_in_order(with(guest(&["fail"]), file));
    assert!(
        ran.output_of("fail").ends_with("fail.c:3: assertion failed: argc == 9\nfail: exit(1)\n"),
        "{}",
        tail(&ran.outcome)
    );
}

fn a_c_program_without_our_files_runs() {
    let folder = Folder::new("bare");
    let plain = folder.by_hand(&source("bare.c"), "bare", &["-static", "-nostdlib"]);
    // Text and data in one segment, as small as it gets.
    let packed = folder.by_hand(
        &source("bare.c"),
        "bare-N",
        &["-static", "-nostdlib", "-O2", "-s", "-w", "-Wl,-N,--no-warn-rwx-segments"],
    );
    let ran = run_in_order(with(with(guest(&["bare x", "bare-N x"]), plain), packed));
    for name in ["bare", "bare-N"] {
        assert_eq!(
            ran.output_of(&format!("{name} x")),
            format!("bare: no header, no runtime\n{name}: exit(42)\n")
        );
    }
}

fn a_c_program_for_another_system_is_refused() {
    let folder = Folder::new("refused");
    let main = folder.c("main.c", "int main(void) { return 0; }\n");
    let remedy = "cargo xtask cc FILE.c";
    for (name, flags, why) in [
        ("pie", &["-pie", "-fPIE"][..], "position-independent"),
        ("static-pie", &["-static-pie", "-fPIE"], "position-independent"),
        ("dynamic", &["-no-pie"], "needs a dynamic linker"),
        ("linux", &["-static", "-no-pie"], "Linux's C library"),
        ("object", &["-c"], "has not been linked"),
        ("main.i", &["-E"], "not an ELF file"),
    ] {
        let refused = with(guest(&[name]), folder.by_hand(&main, name, flags)).prepare();
        let message = refused.err().unwrap_or_else(|| panic!("{name} was accepted")).to_string();
        assert!(
            message.contains(why) && message.contains(remedy) && !message.contains('\n'),
            "{name}: {message}"
        );
    }
    let local = folder.c("local.c", "__thread int own = 1; void _start(void) { own = 2; for (;;); }\n");
    let refused =
        with(guest(&["local"]), folder.by_hand(&local, "local", &["-static", "-nostdlib"])).prepare();
    let message = refused.expect_err("thread-local storage is refused").to_string();
    assert!(message.contains("thread-local variables") && message.contains(remedy), "{message}");
}

fn c_that_does_not_compile() {
    let folder = Folder::new("broken");
    let good =
        folder.compile(&root().join("userprog/c/hello.c"), "prog", &[]).unwrap_or_else(|e| panic!("{e}"));
    let before = fs::read(&good).expect("it is there");
    for (text, flags, why) in [
        ("int main(void) { return 0 }", &[][..], "was not compiled: see the messages of"),
        ("int missing(void); int main(void) { return missing(); }", &[], "was not compiled"),
        ("__thread int own; int main(void) { return own; }", &[], "was not compiled"),
        (
            "int x; __attribute__((constructor)) void early(void) { x = 1; } int main(void) { return x; }",
            &[],
            "was not compiled",
        ),
        ("int main(void) { return 0; }", &["-static-pie"], "was not compiled"),
        ("int main(void) { return 0; }", &["--version"], "made no program"),
        ("int main(void) { return 0; }", &["-Wl,--entry=0x1000"], "entry point"),
    ] {
        let error = folder.compile(&folder.c("broken.c", text), "prog", flags).expect_err("it is refused");
        let message = error.to_string();
        assert!(error.status() == 2 && message.contains(why) && !message.contains('\n'), "{text}: {message}");
    }
    assert_eq!(fs::read(&good).expect("it is still there"), before);
    assert_eq!(cc::compiled(&folder.0).expect("a list").len(), 1, "nothing half-made is left");
}
