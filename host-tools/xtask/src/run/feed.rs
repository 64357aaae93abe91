//! What the guest reads at COM1: a file of the host or our own standard input, handed over once the first program runs.
//!
//! Not before: a byte that comes before the kernel has set its port up is lost, on every PC.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ChildStdin;
use std::thread;

use crate::{Error, Result};

/// Where the guest's input comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stdin {
    /// A file; the guest's input ends with it.
    File(PathBuf),
    /// Our own, line by line as it is typed.
    Ours,
}

impl Stdin {
    /// What `--stdin` says: `-` is our own.
    pub fn parse(text: &str) -> Self {
        if text == "-" { Self::Ours } else { Self::File(text.into()) }
    }
}

/// Input that waits for the guest.
pub(super) struct Feed {
    source: Box<dyn Read + Send>,
    guest: ChildStdin,
}

impl Feed {
    /// Opens the source; `guest` leads to the port.
    pub(super) fn open(from: &Stdin, guest: ChildStdin) -> Result<Self> {
        let source: Box<dyn Read + Send> = match from {
            Stdin::File(path) => Box::new(File::open(path).map_err(Error::reading(path))?),
            Stdin::Ours => Box::new(io::stdin()),
        };
        Ok(Self { source, guest })
    }

    /// Hands everything over, in a thread of its own, then the byte that ends the input. A guest that has ended has read enough; a thread
    /// that still waits for somebody to type ends with us.
    pub(super) fn begin(self) {
        thread::spawn(move || {
            let Self { mut source, mut guest } = self;
            let mut part = [0; 4096];
            while let Ok(n @ 1..) = source.read(&mut part) {
                if guest.write_all(&part[..n]).is_err() {
                    return;
                }
            }
            let _ = guest.write_all(&[END]);
        });
    }
}

/// Ends the guest's input: Ctrl-D (ASCII EOT), as `fl_lines::END` in the kernel.
const END: u8 = 0x04;
