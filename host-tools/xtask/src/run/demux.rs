//! [`Demux`]: takes the console's text out of the trace of a machine with one serial port, while it comes.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fl_trace::event::Stamped;
use fl_trace::packet::DELIMITER;
use vmtrace::decode::Sink;
use vmtrace::wire::Intake;

use crate::{Error, Result};

/// Reads the trace, writes the console.
pub(super) struct Demux {
    intake: Intake,
    /// The kernel opens the trace with a delimiter. What stands before is plain text: a kernel that refuses its command line has not
    /// learnt from it yet how many ports there are.
    begun: bool,
    console: Text,
    path: PathBuf,
}

struct Text {
    file: File,
    failed: Option<io::Error>,
}

impl Sink for Text {
    fn event(&mut self, _cpu: fl_addr::CpuId, _stamped: &Stamped) {}
    fn console(&mut self, text: &[u8]) {
        if let Err(error) = self.file.write_all(text) {
            self.failed.get_or_insert(error);
        }
    }
}

impl Demux {
    /// Writes the console to `path`.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(Error::writing(path))?;
        Ok(Self {
            intake: Intake::new(),
            begun: false,
            console: Text { file, failed: None },
            path: path.to_owned(),
        })
    }

    /// Reads the next part of the trace. What is wrong with it is said by those who read the trace itself.
    pub(super) fn push(&mut self, mut part: &[u8]) {
        if !self.begun {
            let text = part.iter().position(|&byte| byte == DELIMITER);
            self.begun = text.is_some();
            let (plain, rest) = part.split_at(text.unwrap_or(part.len()));
            self.console.console(plain);
            part = rest;
        }
        let _ = self.intake.push(part, &mut self.console);
    }

    /// Fails if the console could not be written.
    pub(super) fn check(&mut self) -> Result<()> {
        self.console.failed.take().map_or(Ok(()), |source| Err(Error::writing(&self.path)(source)))
    }
}

#[cfg(test)]
mod tests {
    use fl_trace::console::ConsoleQueue;
    use fl_trace::packet::{MAX_FRAME, PACKET_ROOM};

    use super::*;

    #[test]
    fn text_before_the_first_delimiter_is_the_console_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console");
        let mut demux = Demux::create(&path).unwrap();
        [&b"Faultline cannot"[..], b" start\n", b"\0\x02x\0"].into_iter().for_each(|part| demux.push(part));
        demux.check().unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "Faultline cannot start\n");
    }

    #[test]
    fn text_among_packets_becomes_the_console_whatever_the_parts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console");
        let mut demux = Demux::create(&path).unwrap();
        let mut queue = ConsoleQueue::<256>::new();
        let (mut packet, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
        demux.push(&[DELIMITER]);
        for line in ["Executing 'hello':\n", "hello\n"] {
            queue.put(line.as_bytes());
            let (bytes, taken) = queue.frame(1, &mut packet, &mut frame).unwrap();
            bytes.iter().for_each(|byte| demux.push(&[*byte]));
            queue.sent(taken);
        }
        demux.check().unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "Executing 'hello':\nhello\n");
    }
}
