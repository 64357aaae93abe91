//! The calls about files that move no data: create, remove, open, filesize, seek, tell, close, dup2.
//!
//! What a program gets wrong is told by what the call returns, but for a bad pointer, which ends it; and so is what the volume
//! could not do. Numbers of 32 bits were cut to them before: upper halves of arguments mean nothing.

use crate::fs::{self, File};
use crate::mm::budget;
use crate::process::{self, Files};
use crate::vm::user::{self, BadPointer};
use alloc::sync::Arc;
use fl_abi::FILE_NAME_MAX;
use fl_files::Table;

/// What calls return that fail with a number.
pub const FAILED: i64 = -1;

/// `create(name, size) -> bool`.
pub fn create(name: u64, size: u32) -> Result<i64, BadPointer> {
    Ok(fs::create(Name::read(name)?.bytes(), size.into()).is_ok().into())
}

/// `remove(name) -> bool`.
pub fn remove(name: u64) -> Result<i64, BadPointer> {
    Ok(fs::remove(Name::read(name)?.bytes()).is_ok().into())
}

/// `open(name) -> fd`, with a position of its own.
pub fn open(name: u64) -> Result<i64, BadPointer> {
    let name = Name::read(name)?;
    if !budget::has_room(Files::GROWTH) {
        return Ok(FAILED);
    }
    let Ok(file) = fs::open(name.bytes()) else { return Ok(FAILED) };
    Ok(with_descriptors(|table| table.open(file)).map_or(FAILED, i64::from))
}

/// `filesize(fd) -> bytes`.
pub fn filesize(fd: i32) -> i64 {
    let file = with_descriptors(|table| table.get(fd).ok()?.file().cloned());
    file.map_or(FAILED, |file| file.len() as i64)
}

/// `seek(fd, position)`. Without effect on the console and on what is not open.
pub fn seek(fd: i32, position: u32) -> i64 {
    let _ = with_descriptors(|table| table.seek(fd, position.into()));
    0
}

/// `tell(fd) -> position`.
#[inline]
pub fn tell(fd: i32) -> i64 {
    if fd < 0 { FAILED } else { tell_of(fd) } // no number of an open file is negative: not worth the lock
}

fn tell_of(fd: i32) -> i64 {
    let position = with_descriptors(|table| {
        let description = table.get(fd).ok()?;
        description.file().is_some().then_some(description.position())
    });
    position.map_or(FAILED, |position| position as i64)
}

/// `close(fd)`. Without effect on what is not open.
pub fn close(fd: i32) -> i64 {
    let _ = with_descriptors(|table| table.close(fd));
    0
}

/// `dup2(old, new) -> new`.
pub fn dup2(old: i32, new: i32) -> i64 {
    if !budget::has_room(Files::GROWTH) {
        return FAILED;
    }
    with_descriptors(|table| table.dup2(old, new)).map_or(FAILED, |()| new.into())
}

/// Calls `f` with the running process's descriptors, locked: nothing in it may touch user memory.
pub fn with_descriptors<T>(f: impl FnOnce(&mut Table<Arc<File>>) -> T) -> T {
    let process = process::current().expect("system calls are made by processes");
    f(&mut process.files.lock().descriptors)
}

/// A file name as the program gave it; one that is too long has one byte too many.
struct Name {
    bytes: [u8; FILE_NAME_MAX + 1],
    len: usize,
}

impl Name {
    /// Reads the string at `va`. All of it must be readable, however long.
    fn read(va: u64) -> Result<Self, BadPointer> {
        let mut bytes = [0; FILE_NAME_MAX + 1];
        let len = user::read_string(va, &mut bytes)?.min(bytes.len());
        Ok(Self { bytes, len })
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
