//! read(2) and write(2): between what a descriptor stands for and a buffer of the program.
//!
//! The whole buffer is judged before anything is moved, so a bad one changes no file and shows nothing. Where whole pages of the program are whole
//! pages of the file, data go between disk and frame. All else goes by way of a kernel buffer, in pieces: between the program and it with nothing locked, between it and the file with nothing of the program
//! touched. So a file can be read into a mapping of itself, and a fault can wait for whatever it needs.

use super::file::{FAILED, with_descriptors};
use crate::fs::File;
use crate::mm::budget;
use crate::process;
use crate::sched;
use crate::trace::drain;
use crate::vm::pin::For;
use crate::vm::user::{self, BadPointer};
use alloc::sync::Arc;
use alloc::vec::Vec;
use fl_addr::{PAGE_SIZE, VirtAddr};
use fl_files::Object;
use fl_vmcore::Access;

/// Most bytes that one call moves: the result is an `int`.
const TRANSFER_MAX: u32 = i32::MAX as u32;

/// `read(fd, buffer, n)`: bytes read, 0 at the end of the file, -1 for what cannot be read.
pub fn read(fd: i32, buffer: u64, n: u32) -> Result<i64, BadPointer> {
    let Some((object, position)) = what(fd) else { return Ok(FAILED) };
    if n == 0 {
        return Ok(0);
    }
    judge(buffer, n, Access::Write)?;
    match object {
        Object::File(file) => {
            let moved = read_file(&file, position, buffer, n.min(TRANSFER_MAX))?;
            Ok(advance(fd, position, &moved))
        }
        Object::Input => read_console(buffer, n),
        Object::Output => Ok(FAILED),
    }
}

/// `write(fd, buffer, n)`: bytes written, fewer if the volume is full, 0 while writing to the file is denied, -1 for what cannot
/// be written. What one call writes to the console stands there unbroken.
pub fn write(fd: i32, buffer: u64, n: u32) -> Result<i64, BadPointer> {
    let Some((object, position)) = what(fd) else { return Ok(FAILED) };
    if matches!(object, Object::Input) {
        return Ok(FAILED);
    }
    if n == 0 {
        return Ok(0);
    }
    judge(buffer, n, Access::Read)?;
    let n = n.min(TRANSFER_MAX);
    match object {
        Object::File(file) => {
            let moved = write_file(&file, position, buffer, n)?;
            Ok(advance(fd, position, &moved))
        }
        Object::Output => write_console(buffer, n),
        Object::Input => Ok(FAILED),
    }
}

/// What `fd` stands for, and its position. A reference of our own: nothing stays locked.
fn what(fd: i32) -> Option<(Object<Arc<File>>, u64)> {
    with_descriptors(|table| table.get(fd).ok().map(|d| (d.object().clone(), d.position())))
}

/// How far a transfer has come, and whether the file's failing ended it.
struct Moved {
    bytes: u32,
    failed: bool,
}

/// Moves the position of `fd` behind what was moved, and makes that the call's result: -1 only if the file failed at once. The one
/// thread of the process is in this call, so nobody else has moved the position, or closed `fd`.
fn advance(fd: i32, from: u64, moved: &Moved) -> i64 {
    if moved.failed && moved.bytes == 0 {
        return FAILED;
    }
    let _ = with_descriptors(|table| table.seek(fd, from + u64::from(moved.bytes)));
    moved.bytes.into()
}

/// Whether the program may use its buffer so, all of it.
fn judge(buffer: u64, n: u32, access: Access) -> Result<(), BadPointer> {
    let process = process::current().expect("system calls are made by processes");
    let user_rsp = VirtAddr(sched::current().user_rsp());
    process.space.allows(VirtAddr(buffer), n.into(), access, user_rsp).map_err(|_| BadPointer)
}

fn read_file(file: &File, position: u64, buffer: u64, n: u32) -> Result<Moved, BadPointer> {
    let mut moved = match whole_pages(file, position, buffer, n, Access::Write)? {
        Moved { bytes, failed: true } => return Ok(Moved { bytes, failed: true }),
        Moved { bytes, .. } => bytes,
    };
    let mut bounce = Bounce::new(n - moved);
    while moved < n {
        drain::admit();
        let piece = bounce.piece(position + u64::from(moved), n - moved);
        let Ok(got) = file.read_at(position + u64::from(moved), piece) else {
            return Ok(Moved { bytes: moved, failed: true });
        };
        user::write(buffer + u64::from(moved), &piece[..got])?;
        moved += got as u32;
        if got < piece.len() {
            break; // the end of the file
        }
    }
    Ok(Moved { bytes: moved, failed: false })
}

fn write_file(file: &File, position: u64, buffer: u64, n: u32) -> Result<Moved, BadPointer> {
    let mut moved = match whole_pages(file, position, buffer, n, Access::Read)? {
        Moved { bytes, failed: true } => return Ok(Moved { bytes, failed: true }),
        Moved { bytes, .. } => bytes,
    };
    let mut bounce = Bounce::new(n - moved);
    while moved < n {
        drain::admit();
        let piece = bounce.piece(position + u64::from(moved), n - moved);
        user::read(buffer + u64::from(moved), piece)?;
        let Ok(put) = file.write_at(position + u64::from(moved), piece) else {
            return Ok(Moved { bytes: moved, failed: true });
        };
        moved += put as u32;
        if put < piece.len() {
            break; // the volume is full, or writing is denied
        }
    }
    Ok(Moved { bytes: moved, failed: false })
}

/// The part of a transfer that needs no buffer: whole pages of a program that are whole pages of the file, which go between disk and frame, pinned
/// meanwhile. Nothing if the two do not begin together; it ends where the file has no whole page any more. What is left goes the other way.
fn whole_pages(file: &File, position: u64, buffer: u64, n: u32, access: Access) -> Result<Moved, BadPointer> {
    const PAGE: u32 = PAGE_SIZE as u32;
    let mut moved = Moved { bytes: 0, failed: false };
    if !position.is_multiple_of(PAGE.into()) || !buffer.is_multiple_of(PAGE.into()) {
        return Ok(moved);
    }
    let inside = file.len().saturating_sub(position) / u64::from(PAGE);
    let pages = u64::from(n / PAGE).min(inside) as u32;
    let process = process::current().expect("system calls are made by processes");
    let whose = For { pid: process.pid, access, user_rsp: VirtAddr(sched::current().user_rsp()) };
    while moved.bytes / PAGE < pages {
        drain::admit();
        let first = VirtAddr(buffer + u64::from(moved.bytes)).vpn();
        let pinned = process.space.pin(first, pages - moved.bytes / PAGE, whose);
        let mut pinned = pinned.map_err(|error| {
            process.note_copy_failure(error.cause());
            BadPointer
        })?;
        let at = position + u64::from(moved.bytes);
        let done = match access {
            Access::Write => pinned.read_from(file, at),
            Access::Read | Access::Execute => pinned.write_to(file, at),
        };
        match done {
            Ok(0) => break,
            Ok(done) => moved.bytes += done as u32 * PAGE,
            Err(_) => return Ok(Moved { failed: true, ..moved }),
        }
    }
    Ok(moved)
}

/// A line, or as much of it as there is room for; 0 at the end of the input.
fn read_console(buffer: u64, n: u32) -> Result<i64, BadPointer> {
    let mut bounce = Bounce::new(n);
    let piece = bounce.piece(0, n);
    let got = sched::read_line(piece, process::is_ending);
    user::write(buffer, &piece[..got])?;
    Ok(got as i64)
}

fn write_console(buffer: u64, n: u32) -> Result<i64, BadPointer> {
    /// Bytes copied at a time, on the kernel stack.
    const PIECE: u32 = 256;
    let mut bytes = [0; PIECE as usize];
    let mut console = sched::console();
    let mut moved = 0;
    while moved < n {
        let piece = &mut bytes[..(n - moved).min(PIECE) as usize];
        user::read(buffer + u64::from(moved), piece)?;
        console.write(piece);
        moved += piece.len() as u32;
    }
    Ok(n.into())
}

/// The kernel buffer that data pass through: on the heap if they are many and there is room, else on the stack, of which a
/// thread has 16 KiB in all.
struct Bounce {
    small: [u8; Self::SMALL],
    /// Whole pages, or nothing.
    large: Vec<u8>,
}

impl Bounce {
    /// One sector.
    const SMALL: usize = 512;
    /// Eight pages: a disk takes about as long for them as for one.
    const LARGE: usize = 8 * PAGE_SIZE;

    /// A buffer for a transfer of `n` bytes, which may take several rounds.
    fn new(n: u32) -> Self {
        let len = (n as usize).next_multiple_of(PAGE_SIZE).min(Self::LARGE);
        let mut large = Vec::new();
        let worth_it = n as usize > Self::SMALL && budget::has_room(len);
        if worth_it && large.try_reserve_exact(len).is_ok() {
            large.resize(len, 0);
        }
        Self { small: [0; Self::SMALL], large }
    }

    /// Room for the next piece of a transfer that has come to `at` in the file and has `left` bytes to go. Pieces end at a sector's
    /// or a page's end in the file, so that none is moved in two parts.
    fn piece(&mut self, at: u64, left: u32) -> &mut [u8] {
        let (bytes, unit) = match &mut self.large[..] {
            [] => (&mut self.small[..], Self::SMALL),
            large => (large, PAGE_SIZE),
        };
        let len = (bytes.len() - at as usize % unit).min(left as usize);
        &mut bytes[..len]
    }
}
