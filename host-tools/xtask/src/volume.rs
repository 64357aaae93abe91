//! [`Volume`]: the files that one run puts onto the guest's disk, programs and others; and what `--put` and `--get` name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::{Artifacts, Error, Result, program_file, suggest};

/// The files of a volume by name.
#[derive(Clone, Default, Debug)]
pub struct Volume {
    files: BTreeMap<String, Vec<u8>>,
    put: BTreeSet<String>,
    /// Names of files that lie on the disk already.
    there: BTreeSet<String>,
}

impl Volume {
    /// A volume with all user programs of a build, freed of their debug information.
    ///
    /// # Errors
    /// A program cannot be read, or its name is not fit for a volume.
    pub fn with_programs(artifacts: &Artifacts) -> Result<Self> {
        let mut volume = Self::default();
        for (name, path) in &artifacts.programs {
            check_name(name)?;
            let bytes = fs::read(path).map_err(Error::reading(path))?;
            volume.files.insert(name.clone(), program_file::strip(bytes));
        }
        Ok(volume)
    }

    /// Adds a file of the host, byte for byte; it takes the place of one of ours with the same name. One that is to be run must be a program.
    ///
    /// # Errors
    /// The file cannot be read, is no program though it should be, or its name is unfit or given twice.
    pub fn put(&mut self, put: &Put, program: bool) -> Result<()> {
        check_name(&put.name)?;
        let bytes = program_file::read(&put.file)?;
        if program {
            program_file::check(&put.file, &bytes)?;
        }
        if !self.put.insert(put.name.clone()) {
            return Err(Error::PutTwice(put.name.clone()));
        }
        self.files.insert(put.name.clone(), bytes);
        Ok(())
    }

    /// Says what lies on the disk already.
    pub fn already_there(&mut self, names: Vec<String>) {
        self.there.extend(names);
    }

    /// Names and contents, in order.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// Checks that a command line can be run from this volume: not empty, within the kernel's limits, its program there.
    ///
    /// # Errors
    /// [`Error::Usage`] or [`Error::NoSuchProgram`].
    pub fn check_exec(&self, line: &str) -> Result<()> {
        let refuse = |why: String| Err(Error::Usage(format!("--exec '{}': {why}", line.escape_debug())));
        let words = fl_abi::cmdline::arguments(line);
        let Some(name) = words.clone().next() else {
            return refuse("no program: give its name, then its arguments".into());
        };
        // A program may give exec(2) more than the kernel's own command line holds.
        let most = fl_abi::COMMAND_LINE_MAX.min(fl_abi::cmdline::VALUE_MAX - "exec=".len());
        if line.len() > most {
            return refuse(format!("{} bytes: at most {most} fit", line.len()));
        }
        if words.clone().count() > fl_abi::ARGS_MAX {
            return refuse(format!("{} words: at most {} fit", words.count(), fl_abi::ARGS_MAX));
        }
        if line.chars().any(char::is_control) {
            return refuse("control characters cannot be passed to the kernel".into());
        }
        let names: BTreeSet<&str> = self.files.keys().chain(&self.there).map(String::as_str).collect();
        if names.contains(name) {
            return Ok(());
        }
        Err(Error::NoSuchProgram {
            name: name.to_owned(),
            existing: names.iter().copied().collect::<Vec<_>>().join(", "),
            nearest: suggest::nearest(name, names.iter().copied()),
        })
    }
}

/// One `--put`: a file of the host and its name in the volume.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Put {
    /// The host's file.
    pub file: PathBuf,
    /// Its name in the volume.
    pub name: String,
}

impl Put {
    /// Reads `HOSTFILE[:NAME]`. A path that exists as it stands is a path, whatever colons it has. Without a name, the file's own.
    pub fn parse(text: &str) -> Self {
        let own_name = |path: &str| {
            let name = PathBuf::from(path).file_name().map(|name| name.to_string_lossy().into_owned());
            name.unwrap_or_default()
        };
        match text.rsplit_once(':') {
            Some((file, name)) if !PathBuf::from(text).exists() => {
                let name = if name.is_empty() { own_name(file) } else { name.to_owned() };
                Self { file: file.into(), name }
            }
            _ => Self { file: text.into(), name: own_name(text) },
        }
    }
}

/// One `--get`: a file of the guest's disk and where the host gets it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Get {
    /// Its name on the disk.
    pub name: String,
    /// The host's file, which is written anew.
    pub file: PathBuf,
}

impl Get {
    /// Reads `NAME:HOSTFILE`.
    ///
    /// # Errors
    /// There is no colon, or nothing before or behind it.
    pub fn parse(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some((name, file)) if !name.is_empty() && !file.is_empty() => {
                Ok(Self { name: name.to_owned(), file: file.into() })
            }
            _ => Err(Error::Usage(format!("--get '{text}': give it as NAME:HOSTFILE"))),
        }
    }
}

/// Checks the kernel's rules for file names: 1 to 14 bytes, and nothing that a command line or a path would read otherwise.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let bad = |why| Err(Error::BadName { name: name.to_owned(), why });
    match name {
        "" => bad("it is empty"),
        "." | ".." => bad("it names a folder"),
        _ if name.len() > fl_abi::FILE_NAME_MAX => bad("it has more than 14 bytes"),
        _ if name.contains(['/', ' ']) => bad("it holds a slash or a space"),
        _ if name.chars().any(char::is_control) => bad("it holds control characters"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::program_file::tiny_program;

    fn volume(names: &[&str]) -> Volume {
        let files = names.iter().map(|name| (name.to_string(), tiny_program(name.as_bytes(), b""))).collect();
        Volume { files, ..Volume::default() }
    }

    #[test]
    fn names_have_1_to_14_bytes() {
        assert!(check_name("write-boundary").is_ok());
        for name in ["", "write-boundary2", "a/b", "a b", "..", "a\n"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn put_finds_file_and_name() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("odd:name");
        fs::write(&odd, "").unwrap();
        let odd = odd.to_str().unwrap();
        for (text, file, name) in [
            ("dir/prog", "dir/prog", "prog"),
            ("dir/prog:other", "dir/prog", "other"),
            ("dir/prog:", "dir/prog", "prog"),
            (odd, odd, "odd:name"),
            (&format!("{odd}:x"), odd, "x"),
        ] {
            assert_eq!(Put::parse(text), Put { file: file.into(), name: name.into() });
        }
    }

    #[test]
    fn put_refuses_what_it_cannot_run_and_a_second_file_of_one_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            fs::write(dir.path().join(name), bytes).unwrap();
            dir.path().join(name)
        };
        let good = Put { file: file("good", &tiny_program(b"x", b"")), name: "hello".into() };
        let text = Put { file: file("text", b"hello\n"), name: "text".into() };
        let missing = Put { file: dir.path().join("missing"), name: "missing".into() };
        let mut volume = volume(&["hello"]);
        volume.put(&good, true).unwrap();
        assert!(matches!(volume.put(&good, true), Err(Error::PutTwice(_))));
        assert!(matches!(volume.put(&text, true), Err(Error::NotAProgram { .. })));
        volume.put(&text, false).unwrap();
        let message = volume.put(&missing, true).unwrap_err().to_string();
        assert!(message.contains("missing") && message.contains("check the path"), "{message}");
    }

    #[test]
    fn put_reads_regular_files_of_sensible_size_only() {
        let dir = tempfile::tempdir().unwrap();
        let huge = dir.path().join("huge");
        fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap(); // sparse: takes no room
        for (file, why) in [
            (dir.path(), "is a folder: name a file in it"),
            (Path::new("/dev/zero"), "is no regular file"),
            (&huge, "has more than 64 MiB"),
        ] {
            let put = Put { file: file.to_owned(), name: "prog".into() };
            let message = Volume::default().put(&put, false).unwrap_err().to_string();
            assert!(message.starts_with("--put: ") && message.contains(why), "{message}");
        }
    }

    #[test]
    fn a_file_that_was_put_keeps_every_byte() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("prog");
        let bytes = tiny_program(b"x", b"symbols");
        fs::write(&file, &bytes).unwrap();
        let mut volume = Volume::default();
        volume.put(&Put { file, name: "prog".into() }, true).unwrap();
        assert_eq!(volume.files["prog"], bytes);
    }

    #[test]
    fn a_program_that_is_not_there_is_answered_with_those_that_are() {
        let message = volume(&["hello", "halt"]).check_exec("helo a").unwrap_err().to_string();
        assert!(message.contains("'helo'") && message.contains("did you mean 'hello'"), "{message}");
        assert!(message.contains("halt, hello") && !message.contains('\n'), "{message}");
    }

    #[test]
    fn a_program_that_lies_on_the_disk_already_can_be_run() {
        let mut volume = volume(&["hello"]);
        volume.already_there(vec!["mine".into()]);
        assert!(volume.check_exec("mine a").is_ok() && volume.check_exec("hello").is_ok());
        assert!(volume.check_exec("his").unwrap_err().to_string().contains("hello, mine"));
    }

    #[test]
    fn get_needs_a_name_and_a_file() {
        let get = Get::parse("out:a:b").unwrap();
        assert_eq!((get.name.as_str(), get.file.as_path()), ("out", Path::new("a:b")));
        for text in ["", "out", "out:", ":file"] {
            assert!(Get::parse(text).unwrap_err().to_string().contains("NAME:HOSTFILE"), "{text:?}");
        }
    }

    #[test]
    fn command_lines_beyond_the_kernels_limits_are_refused() {
        let volume = volume(&["args"]);
        let rest = fl_abi::COMMAND_LINE_MAX.min(fl_abi::cmdline::VALUE_MAX - "exec=".len()) - "args ".len();
        assert!(volume.check_exec(&format!("args {}", "x".repeat(rest))).is_ok());
        for (line, part) in [
            (format!("args {}", "x".repeat(rest + 1)), "bytes: at most"),
            (format!("args {}", "x ".repeat(61)), ""),
            ("   ".into(), "no program"),
            ("args a\nb".into(), "control characters"),
        ] {
            match volume.check_exec(&line) {
                Err(error) => assert!(error.to_string().contains(part), "{error}"),
                Ok(()) => assert!(part.is_empty(), "{line:?} was accepted"),
            }
        }
    }

    #[test]
    fn programs_of_a_build_are_packed_without_debug_information() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hello");
        fs::write(&path, tiny_program(b"x", &[7; 5000])).unwrap();
        let artifacts = Artifacts {
            profile: crate::Profile::Release,
            kernel: "k".into(),
            loader: "l".into(),
            programs: [("hello".to_owned(), path)].into(),
            scenarios: [].into(),
            output: Path::new("o").into(),
        };
        let volume = Volume::with_programs(&artifacts).unwrap();
        assert_eq!(
            volume.files().map(|(name, bytes)| (name, bytes.len())).collect::<Vec<_>>(),
            [("hello", 177)]
        );
    }
}
