//! [`Follower`]: copies what QEMU appends to a file to other places while it comes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// One place that gets a copy.
struct Sink {
    name: PathBuf,
    writer: Box<dyn Write>,
}

/// Reads a growing file and hands each new part on. Never slows QEMU down: the file stands between them.
pub(super) struct Follower {
    source: File,
    sinks: Vec<Sink>,
    buffer: Vec<u8>,
}

impl Follower {
    /// Follows `path`, which must exist.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let source = File::open(path).map_err(Error::reading(path))?;
        Ok(Self { source, sinks: Vec::new(), buffer: vec![0; 64 * 1024] })
    }

    /// Copies to our stdout too.
    pub(super) fn copy_to_stdout(&mut self) {
        self.sinks.push(Sink { name: "standard output".into(), writer: Box::new(io::stdout()) });
    }

    /// Copies to a file of that path too (also a pipe or a device).
    pub(super) fn copy_to_file(&mut self, path: &Path) -> Result<()> {
        let file = File::create(path).map_err(Error::writing(path))?;
        self.sinks.push(Sink { name: path.to_owned(), writer: Box::new(file) });
        Ok(())
    }

    /// Copies what is new since the last call and shows it to `look`. A reader that went away (a broken pipe) is not an error.
    pub(super) fn follow(&mut self, mut look: impl FnMut(&[u8])) -> Result<()> {
        loop {
            let n = self.source.read(&mut self.buffer).map_err(Error::reading("QEMU's output"))?;
            if n == 0 {
                return Ok(());
            }
            let part = &self.buffer[..n];
            look(part);
            let mut failed = None;
            self.sinks.retain_mut(|sink| {
                match sink.writer.write_all(part).and_then(|()| sink.writer.flush()) {
                    Ok(()) => true,
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => false,
                    Err(source) => {
                        failed = Some(Error::CannotWrite { path: sink.name.clone(), source });
                        false
                    }
                }
            });
            if let Some(error) = failed {
                return Err(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};

    use super::*;

    #[test]
    fn everything_appended_is_copied_once() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::write(&from, "one ").unwrap();
        let mut follower = Follower::open(&from).unwrap();
        follower.copy_to_file(&to).unwrap();
        let mut seen = Vec::new();
        follower.follow(|part| seen.extend_from_slice(part)).unwrap();
        OpenOptions::new().append(true).open(&from).unwrap().write_all(b"two").unwrap();
        follower.follow(|part| seen.extend_from_slice(part)).unwrap();
        assert_eq!((seen.as_slice(), fs::read(&to).unwrap().as_slice()), (&b"one two"[..], &b"one two"[..]));
    }

    #[test]
    fn a_full_disk_is_said_with_the_files_name() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        fs::write(&from, "text").unwrap();
        let mut follower = Follower::open(&from).unwrap();
        follower.copy_to_file(Path::new("/dev/full")).unwrap();
        let message = follower.follow(|_| ()).unwrap_err().to_string();
        assert!(message.contains("/dev/full") && message.contains("free some space"), "{message}");
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        fs::write(&from, "text").unwrap();
        let mut follower = Follower::open(&from).unwrap();
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        follower.sinks.push(Sink { name: "pipe".into(), writer: Box::new(writer) });
        let mut seen = 0;
        follower.follow(|part| seen += part.len()).unwrap();
        assert_eq!((seen, follower.sinks.len()), (4, 0));
    }
}
