//! Where bytes come from: a file, a pipe, a Unix or TCP socket, a serial port; finished or still growing.
//!
//! Key types: [`Source`], [`Pump`]. Live sources are polled, so that Ctrl-C and silence are noticed.

use crate::error::Error;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Bytes per read: large enough to cost few system calls, small enough to stay in the second-level cache.
const CHUNK: usize = 256 << 10;
/// How often a live source looks for Ctrl-C, and how long silence is before held-back events are shown.
const TICK: Duration = Duration::from_millis(100);

/// An open input.
pub struct Source {
    /// What messages call it.
    pub name: String,
    /// Its length in bytes, if it is a file that does not grow.
    pub len: Option<u64>,
    reader: Reader,
    /// Whether the end of the file is not the end of the stream.
    follow: bool,
}

enum Reader {
    /// Anything the system opens: also a socket or a pipe is read as a file.
    File(File),
    Bytes(io::Cursor<Vec<u8>>),
}

/// How to open an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// At the end of a file wait for more.
    pub follow: bool,
    /// Speed of a serial port in baud; unchanged if `None`.
    pub baud: Option<u32>,
}

impl Source {
    /// Opens `spec`: `-` for standard input, `tcp:HOST:PORT`, `unix:PATH`, or the path of a file, pipe, socket or serial port.
    ///
    /// # Errors
    /// The system's, and [`Error::Directory`].
    pub fn open(spec: &str, options: Options) -> Result<Self, Error> {
        let live = |name: &str, file: OwnedFd| Self {
            name: name.into(),
            len: None,
            reader: Reader::File(file.into()),
            follow: false,
        };
        if spec == "-" {
            // Not by way of `Stdin`, whose buffer would hide bytes from polling.
            let stdin = io::stdin().as_fd().try_clone_to_owned();
            return Ok(live(
                "standard input",
                stdin.map_err(|e| Error::io("cannot read", "standard input", e))?,
            ));
        }
        if let Some(address) = spec.strip_prefix("tcp:") {
            let stream = TcpStream::connect(address).map_err(|e| Error::Io {
                what: "cannot connect to",
                place: address.into(),
                source: e,
            })?;
            return Ok(live(spec, stream.into()));
        }
        let path = spec.strip_prefix("unix:").unwrap_or(spec);
        let kind = fs::metadata(path).map_err(|e| Error::io("cannot open", path, e))?.file_type();
        if kind.is_socket() {
            let stream = UnixStream::connect(path).map_err(|e| Error::Io {
                what: "cannot connect to",
                place: path.into(),
                source: e,
            })?;
            return Ok(live(spec, stream.into()));
        }
        if kind.is_dir() {
            return Err(Error::Directory(path.into()));
        }
        let file = File::open(path).map_err(|e| Error::io("cannot open", path, e))?;
        if kind.is_char_device() && termios::isatty(&file) {
            make_raw(&file, options.baud).map_err(|e| Error::io("cannot set up", path, e.into()))?;
        }
        if !kind.is_file() {
            return Ok(live(spec, file.into()));
        }
        let len = file.metadata().map_err(|e| Error::io("cannot read", path, e))?.len();
        Ok(Self {
            name: path.into(),
            len: (!options.follow).then_some(len),
            reader: Reader::File(file),
            follow: options.follow,
        })
    }

    /// Bytes that are already in memory, for tests and tools.
    pub fn bytes(name: &str, bytes: Vec<u8>) -> Self {
        let len = Some(bytes.len() as u64);
        Self { name: name.into(), len, reader: Reader::Bytes(io::Cursor::new(bytes)), follow: false }
    }

    /// Whether more may come while one waits.
    pub fn is_live(&self) -> bool {
        self.len.is_none()
    }

    /// Reads to the end, calling `take` with each chunk; on a live source also with an empty one when nothing came for a
    /// while. Ends when `take` breaks, when `stop` is set, or at the end of the input.
    ///
    /// # Errors
    /// Those of reading, and what `take` returns.
    pub fn pump(
        mut self,
        stop: &Arc<AtomicBool>,
        mut take: impl FnMut(&[u8]) -> Result<Pump, Error>,
    ) -> Result<(), Error> {
        let live = self.is_live();
        let failed = |e| Error::io("cannot read", &self.name, e);
        let mut buf = vec![0; CHUNK];
        // Relaxed: the flag carries no data; set by the signal handler of the command line.
        while !stop.load(Ordering::Relaxed) {
            let taken = match self.reader.read(&mut buf, live).map_err(failed)? {
                Some(0) if self.follow => {
                    thread::sleep(TICK);
                    take(&[])?
                }
                Some(0) => break,
                Some(n) => take(&buf[..n])?,
                None => take(&[])?,
            };
            if taken == Pump::Stop {
                break;
            }
        }
        Ok(())
    }
}

impl Reader {
    /// Reads what is there; `None` if nothing came for a [`TICK`] on a live source.
    fn read(&mut self, buf: &mut [u8], live: bool) -> io::Result<Option<usize>> {
        let file = match self {
            Self::Bytes(bytes) => return bytes.read(buf).map(Some),
            Self::File(file) => file,
        };
        let tick = Timespec { tv_sec: 0, tv_nsec: TICK.subsec_nanos().into() };
        loop {
            if live {
                match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&tick)) {
                    // Interrupted: by Ctrl-C perhaps, which the caller looks for.
                    Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
                    Ok(_) => {}
                    Err(e) => return Err(e.into()),
                }
            }
            match file.read(buf) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // A pseudo-terminal whose other side is gone answers so: the end.
                Err(e) if live && e.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                    return Ok(Some(0));
                }
                result => return result.map(Some),
            }
        }
    }
}

/// Whether to read on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pump {
    /// Read on.
    On,
    /// That is enough.
    Stop,
}

/// A serial port hands bytes through as they are: no echo, no line editing, no translation.
fn make_raw(port: &File, baud: Option<u32>) -> rustix::io::Result<()> {
    let mut settings = termios::tcgetattr(port)?;
    settings.make_raw();
    if let Some(baud) = baud {
        settings.set_speed(baud)?;
    }
    termios::tcsetattr(port, termios::OptionalActions::Now, &settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixListener;

    fn all(source: Source) -> Vec<u8> {
        let mut bytes = Vec::new();
        let stop = Arc::default();
        source
            .pump(&stop, |chunk| {
                bytes.extend_from_slice(chunk);
                Ok(Pump::On)
            })
            .unwrap();
        bytes
    }

    #[test]
    fn a_unix_socket_is_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("com2");
        let listener = UnixListener::bind(&path).unwrap();
        let writer = thread::spawn(move || listener.accept().unwrap().0.write_all(b"hello").unwrap());
        let source = Source::open(path.to_str().unwrap(), Options::default()).unwrap();
        assert!(source.is_live());
        assert_eq!(all(source), b"hello");
        writer.join().unwrap();
    }

    #[test]
    fn a_tcp_socket_is_read_to_its_end() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let spec = format!("tcp:{}", listener.local_addr().unwrap());
        let writer = thread::spawn(move || listener.accept().unwrap().0.write_all(b"hello").unwrap());
        assert_eq!(all(Source::open(&spec, Options::default()).unwrap()), b"hello");
        writer.join().unwrap();
    }

    #[test]
    fn a_growing_file_is_followed_until_told_to_stop() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one ").unwrap();
        let spec = file.path().to_str().unwrap().to_string();
        let source = Source::open(&spec, Options { follow: true, baud: None }).unwrap();
        let (mut bytes, mut more) = (Vec::new(), Some(file));
        source
            .pump(&Arc::default(), |chunk| {
                bytes.extend_from_slice(chunk);
                if bytes == b"one "
                    && let Some(file) = &mut more
                {
                    file.write_all(b"two").unwrap();
                    more = None;
                }
                Ok(if bytes == b"one two" { Pump::Stop } else { Pump::On })
            })
            .unwrap();
        assert_eq!(bytes, b"one two");
    }

    #[test]
    fn what_is_not_there_is_named() {
        assert!(
            matches!(Source::open("/nowhere/run.vmt", Options::default()), Err(Error::NotFound(p)) if p == "/nowhere/run.vmt")
        );
        assert!(matches!(Source::open("/", Options::default()), Err(Error::Directory(_))));
    }
}
