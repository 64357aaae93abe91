//! [`Volume`]: the programs of one run, packed into a ustar archive that the guest gets as a boot module.
//!
//! The same files give the same bytes on every machine and day: names in order, no times, owners or host paths.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::{Artifacts, Error, Result, program_file, suggest};

/// The files of a volume by name.
#[derive(Clone, Default, Debug)]
pub struct Volume {
    files: BTreeMap<String, Vec<u8>>,
    put: BTreeSet<String>,
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

    /// Adds a program of the host, byte for byte; it takes the place of one of ours with the same name.
    ///
    /// # Errors
    /// The file cannot be read, is no program, or its name is unfit or given twice.
    pub fn put(&mut self, put: &Put) -> Result<()> {
        check_name(&put.name)?;
        let bytes = program_file::read(&put.file)?;
        program_file::check(&put.file, &bytes)?;
        if !self.put.insert(put.name.clone()) {
            return Err(Error::PutTwice(put.name.clone()));
        }
        self.files.insert(put.name.clone(), bytes);
        Ok(())
    }

    /// Adds a file of these bytes, whatever they are.
    ///
    /// # Errors
    /// The name is unfit.
    pub fn add(&mut self, name: &str, bytes: Vec<u8>) -> Result<()> {
        check_name(name)?;
        self.files.insert(name.to_owned(), bytes);
        Ok(())
    }

    /// The names and sizes in bytes, in order.
    pub fn list(&self) -> impl Iterator<Item = (&str, usize)> {
        self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.len()))
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
        if line.len() > fl_abi::COMMAND_LINE_MAX {
            return refuse(format!("{} bytes: at most {} fit", line.len(), fl_abi::COMMAND_LINE_MAX));
        }
        if words.clone().count() > fl_abi::ARGS_MAX {
            return refuse(format!("{} words: at most {} fit", words.count(), fl_abi::ARGS_MAX));
        }
        if line.chars().any(char::is_control) {
            return refuse("control characters cannot be passed to the kernel".into());
        }
        if self.files.contains_key(name) {
            return Ok(());
        }
        let names = || self.files.keys().map(String::as_str);
        Err(Error::NoSuchProgram {
            name: name.to_owned(),
            existing: names().collect::<Vec<_>>().join(", "),
            nearest: suggest::nearest(name, names()),
        })
    }

    /// The archive.
    ///
    /// # Errors
    /// Only if a file is too large for the format (8 GiB).
    pub fn to_tar(&self) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, bytes) in &self.files {
            let mut header = tar::Header::new_ustar();
            header.set_path(name)?;
            header.set_size(bytes.len() as u64);
            header.set_mode(0o755);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_entry_type(tar::EntryType::Regular);
            header.set_cksum();
            archive.append(&header, bytes.as_slice())?;
        }
        archive.into_inner()
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
    use std::io::Read;
    use std::path::Path;

    use super::*;
    use crate::program_file::tiny_program;

    fn volume(names: &[&str]) -> Volume {
        let files = names.iter().map(|name| (name.to_string(), tiny_program(name.as_bytes(), b""))).collect();
        Volume { files, put: BTreeSet::new() }
    }

    #[test]
    fn the_archive_holds_every_file_and_nothing_of_the_host() {
        let volume = volume(&["hello", "args"]);
        let bytes = volume.to_tar().unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header();
            assert!(header.as_ustar().is_some(), "tar-no-std reads ustar only");
            assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            assert_eq!(content, tiny_program(name.as_bytes(), b""));
            seen.push(name);
        }
        assert_eq!(seen, ["args", "hello"]);
    }

    #[test]
    fn the_same_files_give_the_same_bytes_in_any_order() {
        assert_eq!(volume(&["b", "a", "c"]).to_tar().unwrap(), volume(&["c", "b", "a"]).to_tar().unwrap());
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
        volume.put(&good).unwrap();
        assert!(matches!(volume.put(&good), Err(Error::PutTwice(_))));
        assert!(matches!(volume.put(&text), Err(Error::NotAProgram { .. })));
        let message = volume.put(&missing).unwrap_err().to_string();
        assert!(message.contains("missing") && message.contains("check the path"), "{message}");
    }

    #[test]
    fn put_reads_regular_files_of_sensible_size_only() {
        let dir = tempfile::tempdir().unwrap();
        let huge = dir.path().join("huge");
        fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap(); // sparse: takes no room
        for (file, why) in [
            (dir.path(), "is a folder: name a program in it"),
            (Path::new("/dev/zero"), "is no regular file"),
            (&huge, "has more than 64 MiB"),
        ] {
            let put = Put { file: file.to_owned(), name: "prog".into() };
            let message = Volume::default().put(&put).unwrap_err().to_string();
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
        volume.put(&Put { file, name: "prog".into() }).unwrap();
        assert_eq!(volume.files["prog"], bytes);
    }

    #[test]
    fn a_program_that_is_not_there_is_answered_with_those_that_are() {
        let message = volume(&["hello", "halt"]).check_exec("helo a").unwrap_err().to_string();
        assert!(message.contains("'helo'") && message.contains("did you mean 'hello'"), "{message}");
        assert!(message.contains("halt, hello") && !message.contains('\n'), "{message}");
    }

    #[test]
    fn command_lines_beyond_the_kernels_limits_are_refused() {
        let volume = volume(&["args"]);
        assert!(volume.check_exec(&format!("args {}", "x".repeat(123))).is_ok());
        for (line, part) in [
            (format!("args {}", "x".repeat(124)), "129 bytes"),
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
            scenarios: Default::default(),
            output: Path::new("o").into(),
        };
        let volume = Volume::with_programs(&artifacts).unwrap();
        assert_eq!(volume.list().collect::<Vec<_>>(), [("hello", 177)]);
    }
}
