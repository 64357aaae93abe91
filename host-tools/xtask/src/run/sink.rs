//! [`Follower`]: copies what QEMU appends to a file to other places while it comes; with a [`Gate`], from some words on.

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
    /// What it waits for before it passes anything on.
    gate: Option<Gate>,
}

impl Follower {
    /// Follows `path`, which must exist.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let source = File::open(path).map_err(Error::reading(path))?;
        Ok(Self { source, sinks: Vec::new(), buffer: vec![0; 64 * 1024], gate: None })
    }

    /// Passes nothing on until `gate` opens.
    pub(super) fn wait_for(&mut self, gate: Gate) {
        self.gate = Some(gate);
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
            match &mut self.gate {
                None => {
                    look(part);
                    pass_on(&mut self.sinks, part)?;
                }
                Some(gate) => {
                    if let Some(from) = gate.pass(part) {
                        let passed = gate.seen.split_off(from);
                        self.gate = None;
                        look(&passed);
                        pass_on(&mut self.sinks, &passed)?;
                    }
                }
            }
        }
    }

    /// At the end: what was waited for never came, so whatever did come is passed on, for it says why.
    pub(super) fn give_up_waiting(&mut self) -> Result<()> {
        match self.gate.take() {
            Some(gate) => pass_on(&mut self.sinks, &gate.seen),
            None => Ok(()),
        }
    }
}

fn pass_on(sinks: &mut Vec<Sink>, part: &[u8]) -> Result<()> {
    let mut failed = None;
    sinks.retain_mut(|sink| match sink.writer.write_all(part).and_then(|()| sink.writer.flush()) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => false,
        Err(source) => {
            failed = Some(Error::CannotWrite { path: sink.name.clone(), source });
            false
        }
    });
    failed.map_or(Ok(()), Err)
}

/// Looks for the first of some words in a stream that comes in parts.
pub(super) struct Gate {
    words: &'static [&'static [u8]],
    /// All that came so far.
    seen: Vec<u8>,
}

impl Gate {
    /// One that opens at any of `words`.
    pub(super) fn words(words: &'static [&'static [u8]]) -> Self {
        Self { words, seen: Vec::new() }
    }

    /// Where in all that came the first word begins, once it is complete.
    pub(super) fn pass(&mut self, part: &[u8]) -> Option<usize> {
        let longest = self.words.iter().map(|word| word.len()).max().unwrap_or(0);
        let from = self.seen.len().saturating_sub(longest);
        self.seen.extend_from_slice(part);
        let starts = |at: &usize| self.words.iter().any(|word| self.seen[*at..].starts_with(word));
        (from..self.seen.len()).find(starts)
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

    #[test]
    fn a_word_cut_in_two_is_found_when_its_end_comes() {
        let mut gate = Gate::words(&[b"Executing '", b"\0"]);
        assert_eq!(gate.pass(b"boot\nExecu"), None);
        assert_eq!(gate.pass(b"ting"), None);
        assert_eq!(gate.pass(b" 'hello'"), Some(5));
        assert_eq!(Gate::words(&[b"Executing '", b"\0"]).pass(b"ab\0"), Some(2));
    }

    #[test]
    fn what_a_firmware_wrote_before_the_kernel_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::write(&from, "BdsDxe: starting\x1b[01;01HFault").unwrap();
        let mut follower = Follower::open(&from).unwrap();
        follower.wait_for(Gate::words(&[b"Faultline "]));
        follower.copy_to_file(&to).unwrap();
        let mut seen = Vec::new();
        follower.follow(|part| seen.extend_from_slice(part)).unwrap();
        assert!(seen.is_empty());
        OpenOptions::new().append(true).open(&from).unwrap().write_all(b"line 1\nFaultline 2").unwrap();
        follower.follow(|part| seen.extend_from_slice(part)).unwrap();
        follower.give_up_waiting().unwrap();
        assert_eq!(
            (seen.as_slice(), fs::read(&to).unwrap().as_slice()),
            (&b"Faultline 1\nFaultline 2"[..], &b"Faultline 1\nFaultline 2"[..])
        );
    }

    #[test]
    fn if_the_kernel_never_spoke_the_firmwares_words_are_shown() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::write(&from, "no bootable device").unwrap();
        let mut follower = Follower::open(&from).unwrap();
        follower.wait_for(Gate::words(&[b"Faultline "]));
        follower.copy_to_file(&to).unwrap();
        follower.follow(|_| ()).unwrap();
        follower.give_up_waiting().unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"no bootable device");
    }
}
