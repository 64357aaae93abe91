//! The test of files: several threads change files at random and compare each with what it should hold; one file they share; names; refusals.
//!
//! It leaves the file `selftest`, whose content whoever looks at the disk afterwards knows: byte i is 7 * i modulo 251.

use super::{team, volume_worker};
use crate::fs::{self, CreateError, OpenError, RemoveError};
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use core::sync::atomic::Ordering::Relaxed;

/// Threads that change files at once.
pub const WORKERS: u32 = 3;
/// Bytes of each thread's lanes in the shared file: parts of sectors, so that their writes meet in sectors.
const LANE: usize = 100;
const LANES: usize = 40;
const SHARED: &[u8] = b"shared";
const LEFT: &[u8] = b"selftest";
const LEFT_SIZE: usize = 50_000;

/// Runs it.
pub fn test() -> Result<String, String> {
    if let Err(why @ RemoveError::Io(_)) = fs::remove(LEFT) {
        return Err(format!("removing what the last test left: {why:?}"));
    }
    names()?;
    refusals()?;
    fs::create(SHARED, 0).map_err(|why| format!("creating the shared file: {why:?}"))?;
    team::run(WORKERS, |worker| {
        volume_worker::run(worker)?;
        write_lanes(worker)
    })?;
    check_lanes()?;
    leave()?;
    Ok(format!("{WORKERS} threads, {} rounds each", volume_worker::ROUNDS))
}

/// The same on a disk that fails now and then: operations fail with it, and nothing else is hurt.
pub fn test_failures() -> Result<String, String> {
    team::run(WORKERS, volume_worker::run_with_failures)?;
    let failures = volume_worker::FAILURES.load(Relaxed);
    if failures == 0 {
        return Err("no operation failed".into());
    }
    // What failed at last is put right by whoever asks next.
    let synced = (0..10).any(|_| fs::sync().is_ok());
    if synced {
        Ok(format!("{failures} operations failed"))
    } else {
        Err("the volume cannot be synced".into())
    }
}

/// Names are bytes: no two that differ in any are one file.
fn names() -> Result<(), String> {
    const NAMES: [&[u8]; 6] = [b"Name", b"name", b"name.", b"\xff\0/\\:", b"NAME~1", b"14 bytes, +;=["];
    for (size, name) in (0..).zip(NAMES) {
        fs::create(name, size).map_err(|why| format!("creating {:?}: {why:?}", name.escape_ascii()))?;
    }
    for (size, name) in (0..).zip(NAMES) {
        let file = fs::open(name).map_err(|why| format!("opening {:?}: {why:?}", name.escape_ascii()))?;
        if file.len() != size {
            return Err(format!("{:?} has {} bytes, not {size}", name.escape_ascii(), file.len()));
        }
        fs::remove(name).map_err(|why| format!("removing {:?}: {why:?}", name.escape_ascii()))?;
    }
    Ok(())
}

fn refusals() -> Result<(), String> {
    let long = [b'x'; 15];
    let created = [fs::create(b"", 0), fs::create(&long, 0), fs::create(b"huge", 1 << 40)];
    if created != [Err(CreateError::Name), Err(CreateError::Name), Err(CreateError::NoRoom)] {
        return Err(format!("creating what cannot be: {created:?}"));
    }
    for name in [&b""[..], &long, b"huge"] {
        let opened = fs::open(name).map(|file| file.len());
        if (opened, fs::remove(name)) != (Err(OpenError::NotFound), Err(RemoveError::NotFound)) {
            return Err(format!("{:?} is there", name.escape_ascii()));
        }
    }
    Ok(())
}

/// What byte `at` of the shared file holds in the end.
fn lane_byte(at: usize) -> u8 {
    (at % 253) as u8
}

fn write_lanes(worker: u32) -> Result<(), String> {
    let file = fs::open(SHARED).map_err(|why| format!("opening the shared file: {why:?}"))?;
    for lane in 0..LANES {
        let from = (lane * WORKERS as usize + worker as usize) * LANE;
        let bytes: Vec<u8> = (from..from + LANE).map(lane_byte).collect();
        let wrote = file.write_at(from as u64, &bytes);
        if wrote != Ok(LANE) {
            return Err(format!("writing {LANE} bytes at {from} of the shared file: {wrote:?}"));
        }
    }
    Ok(())
}

fn check_lanes() -> Result<(), String> {
    let mut bytes = vec![0; WORKERS as usize * LANES * LANE + 1];
    let file = fs::open(SHARED).map_err(|why| format!("opening the shared file: {why:?}"))?;
    let read = file.read_at(0, &mut bytes);
    if read != Ok(bytes.len() - 1) {
        return Err(format!("reading the shared file: {read:?}"));
    }
    bytes.pop();
    match bytes.iter().enumerate().find(|&(at, &byte)| byte != lane_byte(at)) {
        Some((at, byte)) => Err(format!("byte {at} of the shared file is {byte}")),
        None => fs::remove(SHARED).map_err(|why| format!("removing the shared file: {why:?}")),
    }
}

fn leave() -> Result<(), String> {
    let bytes: Vec<u8> = (0..LEFT_SIZE).map(|at| (at * 7 % 251) as u8).collect();
    fs::create(LEFT, 10).map_err(|why| format!("creating the file that is left: {why:?}"))?;
    let file = fs::open(LEFT).map_err(|why| format!("opening the file that is left: {why:?}"))?;
    // From the end to the front, in steps that are no sectors: the first write makes it as large as it will be.
    let mut end = LEFT_SIZE;
    while end > 0 {
        let from = end.saturating_sub(7001);
        let wrote = file.write_at(from as u64, &bytes[from..end]);
        if wrote != Ok(end - from) {
            return Err(format!("writing the file that is left, at {from}: {wrote:?}"));
        }
        end = from;
    }
    Ok(())
}
