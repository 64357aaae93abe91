//! The model: a plain map from names to bytes, driven by the same random operations as a volume and compared after each. The operations are in
//! `steps`.

mod steps;

use std::collections::BTreeMap;

use fl_volume::{Error, FileId, FileName, SECTOR, Volume};

use super::disk::{Disk, Fault};
use super::{Kind, Random};

type Outcome<T> = Result<T, Error<Fault>>;

/// Names that FAT would confuse, refuse or change, and ordinary ones.
pub const NAMES: [&[u8]; 36] = [
    b"a",
    b"A",
    b"a.",
    b"a..",
    b".",
    b"..",
    b".a",
    b" ",
    b" a",
    b"a ",
    b"%61",
    b"^a",
    b"a~1",
    b"hello.txt",
    b"Hello.txt",
    b"HELLO.TXT",
    b"hello~1.txt",
    b"longer-name-14",
    b"LONGER~1",
    b"longer~1",
    b"LONGER-NAME-14",
    b"longer-name-1",
    b"con",
    b"aux.c",
    b"nul",
    b"\xff",
    b"\xc3\xa4",
    b"\xc3\x84",
    b"a/b\\c:d*e?f\"g|",
    b"<>+,;=[]",
    b"\x00",
    b"\x01\x02\x7f\x80\xe5",
    b"\xe5",
    b"$0000001.DEL",
    b"x.tar.gz",
    b"12345678.123",
];

/// A file of the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct File {
    bytes: Vec<u8>,
    opens: u32,
    id: Option<FileId>,
}

/// What a name may hold after a crash: its content at the last sync (none: no file), and each content since.
#[derive(Debug, Clone, Default)]
struct History {
    synced: Option<Vec<u8>>,
    since: Vec<Option<Vec<u8>>>,
}

/// A volume and its model.
pub struct Run<'a> {
    pub kind: Kind,
    pub disk: &'a Disk,
    pub volume: Option<Volume<&'a Disk>>,
    pub random: Random,
    /// Files by name, and removed files that are still open.
    names: BTreeMap<Vec<u8>, File>,
    removed: Vec<File>,
    history: BTreeMap<Vec<u8>, History>,
    /// Free bytes when the volume was empty.
    room: u64,
    pub full: u64,
}

impl<'a> Run<'a> {
    pub fn new(kind: Kind, disk: &'a Disk, seed: u64) -> Self {
        let mut volume = Volume::mount(disk).expect("mount");
        let room = volume.free_bytes().expect("free");
        Self {
            kind,
            disk,
            volume: Some(volume),
            random: Random(seed),
            names: BTreeMap::new(),
            removed: Vec::new(),
            history: BTreeMap::new(),
            room,
            full: 0,
        }
    }

    fn volume(&mut self) -> &mut Volume<&'a Disk> {
        self.volume.as_mut().expect("mounted")
    }

    fn cluster(&self) -> u64 {
        if self.kind == Kind::Fat32Odd { SECTOR as u64 } else { 4096 }
    }

    /// Bytes of clusters that files hold.
    fn used(&self) -> u64 {
        let files = self.names.values().chain(&self.removed);
        files.map(|file| (file.bytes.len() as u64).next_multiple_of(self.cluster())).sum()
    }

    fn free(&self) -> u64 {
        self.room - self.used()
    }

    /// Clusters that the directory may have taken: only FAT32's grows.
    fn slack(&self) -> u64 {
        match self.kind {
            Kind::Fat32 => 2 * 4096,
            Kind::Fat32Odd => 24 * 512,
            _ => 0,
        }
    }

    fn name(&mut self) -> Vec<u8> {
        NAMES[self.random.below(NAMES.len() as u64) as usize].to_vec()
    }

    fn size(&mut self) -> u64 {
        let scale = [1, 600, 5000, 40_000, 120_000][self.random.below(5) as usize];
        match self.random.below(4) {
            0 => scale / 512 * 512,
            1 => scale / 4096 * 4096 + 1,
            _ => self.random.below(scale),
        }
    }

    fn bytes(&mut self, len: u64) -> Vec<u8> {
        let salt = self.random.next();
        (0..len).map(|at| (salt.wrapping_mul(at | 1) >> 32) as u8).collect()
    }

    /// An open file: its name, or its place among the removed.
    fn pick_open(&mut self) -> Option<(Place, FileId)> {
        let named = self.names.iter().filter_map(|(name, f)| Some((Place::Named(name.clone()), f.id?)));
        let removed = self.removed.iter().enumerate().filter_map(|(at, f)| Some((Place::Removed(at), f.id?)));
        let all: Vec<_> = named.chain(removed).collect();
        if all.is_empty() { None } else { Some(all[self.random.below(all.len() as u64) as usize].clone()) }
    }

    fn at(&mut self, place: &Place) -> &mut File {
        match place {
            Place::Named(name) => self.names.get_mut(name).expect("named"),
            Place::Removed(at) => &mut self.removed[*at],
        }
    }

    /// Takes down what a name holds now, for crashes.
    fn record(&mut self, place: &Place) {
        if let Place::Named(name) = place {
            let now = self.names.get(name).map(|file| file.bytes.clone());
            self.history.entry(name.clone()).or_default().since.push(now);
        }
    }

    /// One random operation. Fails only by a fault of the device, which leaves the model as it was; the caller then heals or crashes.
    pub fn step(&mut self) -> Outcome<()> {
        match self.random.below(22) {
            0..=3 => self.create(),
            4..=6 => self.open(),
            7..=8 => self.close(),
            9..=10 => self.remove(),
            11..=13 => self.write(),
            14 => self.grow(),
            15..=16 => self.read(),
            17 => self.write_pages(),
            18 => self.read_pages(),
            19 => self.look(),
            20 => self.bad_names(),
            _ if self.random.one_in(4) => self.remount(),
            _ => self.sync(),
        }
    }

    /// From now on a crash must not change what is there.
    fn synced(&mut self) {
        self.history.clear();
        for (name, file) in &self.names {
            let synced = Some(file.bytes.clone());
            self.history.insert(name.clone(), History { synced, since: Vec::new() });
        }
    }

    fn remount(&mut self) -> Outcome<()> {
        let volume = self.volume.take().expect("mounted");
        let unmounted = volume.unmount();
        for file in self.names.values_mut() {
            (file.id, file.opens) = (None, 0);
        }
        self.removed.clear();
        if self.disk.power.get() == Some(0) {
            return Err(Error::Device(Fault::Off));
        }
        let faults = self.disk.fail_one_in.replace(0);
        let mut volume = Volume::mount(self.disk).expect("mount");
        assert!(unmounted.is_err() || volume.repairs() == Default::default(), "{:?}", volume.repairs());
        if unmounted.is_err() {
            // As good as a crash: what was not synced may be lost.
            self.check_after_crash(&mut volume);
            self.names.clear();
            for name in volume.names().expect("names") {
                let id = volume.open(name.as_bytes()).expect("open");
                let mut bytes = vec![0; volume.size(id).expect("size") as usize];
                volume.read(id, 0, &mut bytes).expect("read");
                volume.close(id).expect("close");
                self.names.insert(name.as_bytes().to_vec(), File { bytes, ..File::default() });
            }
        }
        self.disk.fail_one_in.set(faults);
        self.volume = Some(volume);
        unmounted?;
        self.synced();
        Ok(())
    }

    /// After a fault: with the disk well again, the volume settles and the model learns which of the two possible outcomes there was.
    pub fn heal(&mut self) {
        let faults = self.disk.fail_one_in.replace(0);
        self.volume().sync().expect("a disk that is well again");
        let names: Vec<Vec<u8>> =
            self.volume().names().expect("names").iter().map(|n| n.as_bytes().to_vec()).collect();
        for name in &names {
            if !self.names.contains_key(name) {
                // A create that failed may have left an empty file, and nothing else.
                let id = self.volume().open(name).expect("open");
                assert_eq!(self.volume().size(id), Ok(0), "a failed create left {name:?}");
                self.volume().close(id).expect("close");
                self.names.insert(name.clone(), File::default());
            }
        }
        let gone: Vec<_> = self.names.keys().filter(|name| !names.contains(name)).cloned().collect();
        assert!(gone.len() <= 1, "one failed remove took {gone:?}");
        for name in gone {
            assert!(self.history.get(&name).is_some_and(|h| h.since.contains(&None)), "{name:?} is gone");
            let file = self.names.remove(&name).expect("named");
            if file.id.is_some() {
                self.removed.push(file);
            }
        }
        self.look().expect("look");
        self.read_all();
        self.synced();
        self.disk.fail_one_in.set(faults);
    }

    /// Reads every file.
    pub fn read_all(&mut self) {
        for (name, file) in self.names.clone() {
            let id = self.volume().open(&name).expect("open");
            assert_eq!(self.content(id), file.bytes, "content of {name:?}");
            self.volume().close(id).expect("close");
        }
        for file in self.removed.clone() {
            assert_eq!(self.content(file.id.expect("open")), file.bytes, "content of a removed file");
        }
    }

    fn content(&mut self, id: FileId) -> Vec<u8> {
        let size = self.volume().size(id).expect("size");
        let mut bytes = vec![0xaa; size as usize];
        assert_eq!(self.volume().read(id, 0, &mut bytes), Ok(bytes.len()));
        bytes
    }

    /// Compares all, unmounts, mounts and compares again.
    pub fn finish(mut self) {
        self.look().expect("look");
        self.read_all();
        self.remount().expect("remount");
        self.look().expect("look");
        self.read_all();
        self.volume.take().expect("mounted").unmount().expect("unmount");
    }

    /// Checks what a crash left on `disk` against what may be there. Returns how many files were compared byte by byte.
    pub fn check_after_crash(&self, volume: &mut Volume<&Disk>) -> usize {
        let present: Vec<FileName> = volume.names().expect("names");
        let mut used = 0;
        let mut compared = 0;
        for name in &present {
            let history = self.history.get(name.as_bytes());
            let history = history.unwrap_or_else(|| panic!("{name:?} came from nowhere"));
            let id = volume.open(name.as_bytes()).expect("open");
            let mut bytes = vec![0xaa; volume.size(id).expect("size") as usize];
            assert_eq!(volume.read(id, 0, &mut bytes), Ok(bytes.len()));
            volume.close(id).expect("close");
            used += (bytes.len() as u64).next_multiple_of(self.cluster());
            if history.since.is_empty() {
                assert!(history.synced.as_ref() == Some(&bytes), "a synced file changed: {name:?}");
                compared += 1;
            } else {
                let states: Vec<&Vec<u8>> = history.since.iter().chain([&history.synced]).flatten().collect();
                for (at, byte) in bytes.iter().enumerate() {
                    let known = states.iter().any(|state| state.get(at) == Some(byte));
                    assert!(known, "byte {at} of {name:?} is {byte}, which it never was");
                }
            }
        }
        for (name, history) in &self.history {
            let there = present.iter().any(|p| p.as_bytes() == &name[..]);
            let may_be_gone = history.synced.is_none() || history.since.contains(&None);
            assert!(there || may_be_gone, "a synced file is gone: {name:?}");
        }
        let free = volume.free_bytes().expect("free");
        assert!(
            free <= self.room - used && free + self.slack() >= self.room - used,
            "clusters leaked: {free} free, {used} used of {}",
            self.room
        );
        compared
    }
}

#[derive(Debug, Clone)]
enum Place {
    Named(Vec<u8>),
    Removed(usize),
}
