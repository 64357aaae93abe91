//! A disk that keeps only sectors that are not zero, fails on demand, and loses power after a given number of sectors.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use fl_volume::{BlockDevice, SECTOR};

use super::Random;

/// Why a [`Disk`] did not do what it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An injected error.
    Injected,
    /// The power is off.
    Off,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Fault {}

type Sector = Box<[u8; SECTOR]>;

/// The disk. Interior mutability as in the kernel's queue, for one thread.
pub struct Disk {
    sectors: u64,
    content: RefCell<HashMap<u64, Sector>>,
    /// One call in so many fails; 0 for none.
    pub fail_one_in: Cell<u64>,
    /// Sectors that are still written before the power goes.
    pub power: Cell<Option<u64>>,
    /// Sectors written since the disk was made.
    pub written: Cell<u64>,
    pub faults: Cell<u64>,
    random: RefCell<Random>,
}

impl Disk {
    pub fn new(sectors: u64, seed: u64) -> Self {
        Self {
            sectors,
            content: RefCell::default(),
            fail_one_in: Cell::new(0),
            power: Cell::new(None),
            written: Cell::new(0),
            faults: Cell::new(0),
            random: RefCell::new(Random(seed ^ 0xd15c)),
        }
    }

    /// What the medium holds, as a disk with power and without faults.
    pub fn medium(&self) -> Self {
        let mut copy = Self::new(self.sectors, self.random.borrow_mut().next());
        copy.content = self.content.clone();
        copy
    }

    /// Writes an image with holes.
    pub fn save(&self, path: &Path) {
        let mut file = File::create(path).expect("image file");
        file.set_len(self.sectors * SECTOR as u64).expect("image size");
        for (sector, bytes) in self.content.borrow().iter() {
            file.seek(SeekFrom::Start(sector * SECTOR as u64)).expect("seek");
            file.write_all(&bytes[..]).expect("write image");
        }
    }

    /// Changes bytes of the medium.
    pub fn poke(&self, offset: u64, bytes: &[u8]) {
        let mut content = self.content.borrow_mut();
        for (at, byte) in bytes.iter().enumerate() {
            let at = offset + at as u64;
            let sector = content.entry(at / SECTOR as u64).or_insert_with(|| Box::new([0; SECTOR]));
            sector[(at % SECTOR as u64) as usize] = *byte;
        }
    }

    pub fn peek(&self, offset: u64) -> u8 {
        let content = self.content.borrow();
        content.get(&(offset / SECTOR as u64)).map_or(0, |s| s[(offset % SECTOR as u64) as usize])
    }

    fn fails(&self) -> bool {
        let one_in = self.fail_one_in.get();
        let fails = one_in != 0 && self.random.borrow_mut().below(one_in) == 0;
        self.faults.set(self.faults.get() + u64::from(fails));
        fails
    }

    fn on(&self) -> Result<(), Fault> {
        if self.power.get() == Some(0) { Err(Fault::Off) } else { Ok(()) }
    }
}

impl BlockDevice for Disk {
    type Error = Fault;

    fn sectors(&self) -> u64 {
        self.sectors
    }

    fn read(&self, sector: u64, buf: &mut [u8]) -> Result<(), Fault> {
        assert!(
            buf.len().is_multiple_of(SECTOR) && sector + (buf.len() / SECTOR) as u64 <= self.sectors,
            "read outside"
        );
        self.on()?;
        if self.fails() {
            buf.fill(0xbd);
            return Err(Fault::Injected);
        }
        let content = self.content.borrow();
        for (sector, part) in (sector..).zip(buf.chunks_exact_mut(SECTOR)) {
            match content.get(&sector) {
                Some(bytes) => part.copy_from_slice(&bytes[..]),
                None => part.fill(0),
            }
        }
        Ok(())
    }

    fn write(&self, sector: u64, buf: &[u8]) -> Result<(), Fault> {
        assert!(
            buf.len().is_multiple_of(SECTOR) && sector + (buf.len() / SECTOR) as u64 <= self.sectors,
            "write outside"
        );
        self.on()?;
        let fails = self.fails();
        // A failed write may have transferred some sectors, or even all of them.
        let all = buf.len() / SECTOR;
        let count = if fails { self.random.borrow_mut().below(all as u64 + 1) as usize } else { all };
        let mut content = self.content.borrow_mut();
        for (sector, part) in (sector..).zip(buf.chunks_exact(SECTOR)).take(count) {
            if let Some(left) = self.power.get() {
                if left == 0 {
                    return Err(Fault::Off);
                }
                self.power.set(Some(left - 1));
            }
            self.written.set(self.written.get() + 1);
            if part.iter().all(|&b| b == 0) {
                content.remove(&sector);
            } else {
                let mut bytes = Box::new([0; SECTOR]);
                bytes.copy_from_slice(part);
                content.insert(sector, bytes);
            }
        }
        if fails { Err(Fault::Injected) } else { Ok(()) }
    }

    fn flush(&self) -> Result<(), Fault> {
        self.on()?;
        if self.fails() { Err(Fault::Injected) } else { Ok(()) }
    }
}
