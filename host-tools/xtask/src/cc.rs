//! The door for C: compiles a C program with the host's compiler, so that this kernel can run it.
//!
//! [`compile`] puts the program of that name into [`folder`], where `run --exec` and `exec` find it. What C programs are given is
//! in `userprog/c`; their memory is laid out by the same script as that of the programs in Rust, `userprog/user.ld`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

use crate::volume::{Put, check_name};
use crate::{Error, Result, program_file};

/// How everything is compiled. No thread-local storage is set up for a stack protector to find, and the stack grows only for what
/// lies at the stack pointer or above, hence no red zone.
#[rustfmt::skip]
const COMPILE: &[&str] = &[
    "-std=gnu11", "-O2", "-g", "-Wall", "-ffreestanding", "-fno-pie", "-mno-red-zone", "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables", "-U_FORTIFY_SOURCE",
];

/// How it is linked, besides the script: one static file at fixed addresses, no page both writable and executable.
const LINK: &[&str] =
    &["-static", "-nostdlib", "-Wl,-z,max-page-size=4096", "-Wl,-z,noexecstack", "-Wl,--build-id=none"];

/// What is linked to every program, in `userprog/c`.
const RUNTIME: [&str; 2] = ["start.S", "library.c"];

/// One program to compile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// Its files: C, assembly, objects, whatever the compiler knows.
    pub files: Vec<PathBuf>,
    /// Its name; that of the first file, without the extension, if not given.
    pub name: Option<String>,
    /// Further flags for the compiler. They come last, so they win.
    pub flags: Vec<OsString>,
    /// Do not show the compiler's messages.
    pub quiet: bool,
}

/// Where compiled programs are, in the folder for what runs leave behind.
pub fn folder(output: &Path) -> PathBuf {
    output.join("c")
}

/// The programs that were compiled so far, by name.
///
/// # Errors
/// The folder is there and cannot be read.
pub fn compiled(output: &Path) -> Result<Vec<Put>> {
    let folder = folder(output);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(Error::reading(&folder))?.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        // What begins with a dot is somebody's work in progress.
        if !name.starts_with('.') && check_name(&name).is_ok() && entry.path().is_file() {
            found.push(Put { file: entry.path(), name });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Compiles and links; the program, which the kernel's own rules have been applied to. One of the same name is replaced only by
/// a good one. The compiler's messages go to stderr.
///
/// # Errors
/// There is no compiler, a file is missing or is not compiled, or what comes out is no program this kernel can run.
pub fn compile(root: &Path, output: &Path, program: &Program) -> Result<PathBuf> {
    let name = program.name()?;
    for file in &program.files {
        fs::File::open(file).map_err(Error::reading(file))?;
    }
    let compiler = Compiler { quiet: program.quiet, ..Compiler::find()? };
    let folder = folder(output);
    let work = Work::begin(folder.join(format!(".{name}-{}", process::id())))?;
    let source = root.join("userprog/c");

    let mut runtime = compiler.command();
    runtime.current_dir(&work.0).args(COMPILE).arg("-c").args(RUNTIME.map(|file| source.join(file)));
    compiler.run(runtime, "the runtime in userprog/c")?;

    let made = work.0.join("program");
    let mut link = compiler.command();
    link.args(COMPILE).arg("-I").arg(&source).arg("-isystem").arg(source.join("include")).args(LINK);
    link.arg("-T").arg(root.join("userprog/user.ld")).arg("-o").arg(&made);
    link.args(RUNTIME.map(|file| work.0.join(file).with_extension("o")));
    // libgcc has what the processor has no instruction for, such as a division of 128 bits.
    link.args(&program.files).args(&program.flags).arg("-lgcc");
    compiler.run(link, &name)?;

    let place = folder.join(&name);
    let bytes = fs::read(&made).map_err(|_| Error::NothingLinked)?;
    program_file::check(&place, &bytes)?;
    fs::rename(&made, &place).map_err(Error::writing(&place))?;
    Ok(place)
}

impl Program {
    fn name(&self) -> Result<String> {
        let stem = || self.files.first().and_then(|file| file.file_stem()).map(OsStr::to_string_lossy);
        let name = self.name.clone().or_else(|| stem().map(Into::into)).unwrap_or_default();
        check_name(&name)?;
        Ok(name)
    }
}

/// The host's compiler.
struct Compiler {
    /// Its name, and first arguments.
    words: Vec<String>,
    quiet: bool,
}

impl Compiler {
    /// The one that `CC` names, else gcc, else clang.
    fn find() -> Result<Self> {
        if let Ok(named) = env::var("CC")
            && !named.trim().is_empty()
        {
            return Self::first(&[&named]);
        }
        // On another processor the plain names compile for that one.
        if cfg!(target_arch = "x86_64") {
            Self::first(&["gcc", "clang"])
        } else {
            Self::first(&["x86_64-linux-gnu-gcc", "clang --target=x86_64-linux-gnu"])
        }
    }

    /// The first of these that can be started.
    fn first(candidates: &[&str]) -> Result<Self> {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        let mut found = candidates.iter().map(|line| Self { words: words(line), quiet: false });
        found.find(Self::starts).ok_or_else(|| Error::NoCompiler { tried: candidates.join(" or ") })
    }

    fn starts(&self) -> bool {
        let mut command = self.command();
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).stdin(Stdio::null());
        command
    }

    fn run(&self, mut command: Command, what: &str) -> Result<()> {
        if self.quiet {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        let cannot_start = |source| Error::CannotStart { program: self.words[0].clone(), source };
        match command.status().map_err(cannot_start)?.success() {
            true => Ok(()),
            false => Err(Error::NotCompiled { what: what.to_owned(), compiler: self.words[0].clone() }),
        }
    }
}

/// Why no C program can be compiled here, or `None` if one can.
pub fn missing() -> Option<String> {
    Compiler::find().err().map(|error| error.to_string())
}

/// A folder for what lies between source and program; goes when the value goes.
struct Work(PathBuf);

impl Work {
    fn begin(path: PathBuf) -> Result<Self> {
        fs::create_dir_all(&path).map_err(Error::writing(&path))?;
        Ok(Self(path))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // Left behind, it would take a few kilobytes until the next `cargo clean`.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn program(files: &[&str]) -> Program {
        Program {
            files: files.iter().map(PathBuf::from).collect(),
            name: None,
            flags: Vec::new(),
            quiet: false,
        }
    }

    #[test]
    fn a_program_is_named_after_its_first_file() {
        assert_eq!(program(&["a/hello.c", "b.c"]).name().unwrap(), "hello");
        let named = Program { name: Some("other".into()), ..program(&["a/hello.c"]) };
        assert_eq!(named.name().unwrap(), "other");
        let message = program(&["a-name-that-is-long.c"]).name().unwrap_err().to_string();
        assert!(message.contains("14 bytes") && message.contains("-o NAME"), "{message}");
    }

    #[test]
    fn a_missing_compiler_is_one_line_with_what_to_do() {
        let error = Compiler::first(&["/no/such/gcc", "/no/such/clang"]).err().unwrap();
        let message = error.to_string();
        for part in ["/no/such/gcc or /no/such/clang", "apt-get install gcc", "CC"] {
            assert!(message.contains(part), "{part:?} in {message:?}");
        }
        assert!(!message.contains('\n'), "{message}");
    }

    #[test]
    fn a_missing_source_is_named_before_a_compiler_is_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let error = compile(&root(), dir.path(), &program(&["no/such.c"])).unwrap_err().to_string();
        assert!(error.contains("no/such.c") && error.contains("check the path"), "{error}");
    }

    #[test]
    fn only_finished_programs_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(compiled(dir.path()).unwrap(), []);
        let folder = folder(dir.path());
        fs::create_dir_all(folder.join(".b-17")).unwrap();
        for name in ["b", "a", ".c", "a name that is long"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let names: Vec<_> = compiled(dir.path()).unwrap().into_iter().map(|put| put.name).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn the_header_has_the_kernels_numbers() {
        let header = fs::read_to_string(root().join("userprog/c/faultline.h")).unwrap();
        let names = header.split_once("enum {").unwrap().1.split_once("};").unwrap().0;
        let mut number = 0; // as C counts: one more than the one before, unless it says otherwise
        let mut calls = 0;
        for entry in names.split(',').map(str::trim) {
            let (name, said) = entry.split_once(" = ").map_or((entry, None), |(name, n)| (name, Some(n)));
            number = said.map_or(number, |n| n.parse().unwrap());
            let call = fl_abi::Syscall::from_number(number).expect("a call of the kernel");
            assert_eq!(name, format!("SYS_{call:?}").to_uppercase());
            (number, calls) = (number + 1, calls + 1);
        }
        assert!(calls >= 17, "{calls} calls");
    }
}
