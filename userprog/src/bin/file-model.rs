//! `file-model [SEED [OPERATIONS]]`: random file operations (2000), each answer compared with that of plain memory.
//!
//! It leaves four files on the volume, empty ones for those that there are not at the end, and prints a line `file-model: NAME LENGTH
//! CHECKSUM` for each; the checksum is FNV-1a of 64 bits, in hexadecimal.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::ffi::CStr;

use userprog::{Args, Random, check, println, program, sys};

program!(run);

/// Largest file, in bytes: a few pages and a bit.
const SIZE_MAX: usize = 20_000;
const NAMES: [&CStr; 4] = [c"model-a", c"model-b", c"Model-A", c"model.c"];
/// Descriptors at once.
const OPEN: usize = 8;
/// Files at once, those without a name included: no more than are named or open.
const FILES: usize = NAMES.len() + OPEN;

/// A file: its bytes, and which of the names it has.
struct File {
    name: Option<usize>,
    len: usize,
    bytes: [u8; SIZE_MAX],
}

/// What an open made: descriptors that dup2 made of each other share it.
#[derive(Clone, Copy)]
struct Description {
    file: usize,
    position: usize,
}

struct Model {
    files: [File; FILES],
    /// By index; in use if a descriptor says so.
    descriptions: [Description; OPEN],
    /// Number, and which description.
    open: [Option<(i32, usize)>; OPEN],
}

impl Model {
    fn named(&self, name: usize) -> Option<usize> {
        self.files.iter().position(|file| file.name == Some(name))
    }

    fn free_description(&self) -> usize {
        let used = |d: usize| self.open.iter().flatten().any(|&(_, description)| description == d);
        (0..OPEN).find(|&d| !used(d)).expect("there are as many as descriptors")
    }

    fn free_file(&self) -> usize {
        let open = |f: usize| self.open.iter().flatten().any(|&(_, d)| self.descriptions[d].file == f);
        (0..FILES).find(|&f| self.files[f].name.is_none() && !open(f)).expect("there are enough")
    }

    /// An open descriptor, if the drawn place has one: place, number, description.
    fn draw(&self, random: &mut Random) -> Option<(usize, i32, usize)> {
        let place = random.below(OPEN);
        self.open[place].map(|(fd, description)| (place, fd, description))
    }
}

fn run(args: Args) -> i32 {
    let mut random = Random::new(args.value(1, 1));
    let operations = args.value(2, 2000u32);
    let mut model = Model {
        files: [const { File { name: None, len: 0, bytes: [0; SIZE_MAX] } }; FILES],
        descriptions: [Description { file: 0, position: 0 }; OPEN],
        open: [None; OPEN],
    };
    for name in NAMES {
        sys::remove(name); // what an earlier run has left
    }
    for i in 0..operations {
        step(&mut model, &mut random, i);
    }
    for (fd, _) in model.open.iter().flatten() {
        sys::close(*fd);
    }
    for (number, name) in NAMES.into_iter().enumerate() {
        if model.named(number).is_none() {
            check!(sys::create(name, 0), "{name:?} cannot be made at the end");
            let file = model.free_file();
            model.files[file].name = Some(number);
            model.files[file].len = 0;
        }
    }
    for file in &model.files {
        if let Some(name) = file.name {
            let name = NAMES[name].to_str().expect("plain text");
            println!("file-model: {name} {} {:016x}", file.len, fnv1a(&file.bytes[..file.len]));
        }
    }
    0
}

/// One operation on both, and whether they agree.
fn step(model: &mut Model, random: &mut Random, i: u32) {
    match random.below(16) {
        0 => create(model, random, i),
        1 => {
            let name = random.below(NAMES.len());
            let found = model.named(name);
            check!(sys::remove(NAMES[name]) == found.is_some(), "{i}: remove of {:?}", NAMES[name]);
            found.map(|file| model.files[file].name.take());
        }
        2 | 3 => open(model, random, i),
        4 => {
            if let Some((place, fd, _)) = model.draw(random) {
                sys::close(fd);
                check!(sys::tell(fd) == -1, "{i}: {fd} is open after its close");
                model.open[place] = None;
            }
        }
        5 => dup2(model, random, i),
        6 | 7 => {
            if let Some((_, fd, d)) = model.draw(random) {
                let position = random.below(SIZE_MAX);
                sys::seek(fd, position as u32);
                model.descriptions[d].position = position;
            }
        }
        8..12 => read(model, random, i),
        _ => write(model, random, i),
    }
    if let Some((_, fd, d)) = model.draw(random) {
        let Description { file, position } = model.descriptions[d];
        check!(sys::tell(fd) == position as i32, "{i}: position of {fd} is not {position}");
        let len = model.files[file].len;
        check!(sys::filesize(fd) == len as i32, "{i}: size of {fd} is not {len}");
    }
}

fn create(model: &mut Model, random: &mut Random, i: u32) {
    let (name, len) = (random.below(NAMES.len()), random.below(SIZE_MAX / 4));
    let free = model.named(name).is_none();
    check!(sys::create(NAMES[name], len as u32) == free, "{i}: create of {:?}", NAMES[name]);
    if free {
        let file = model.free_file();
        let file = &mut model.files[file];
        (file.name, file.len) = (Some(name), len);
        file.bytes.fill(0);
    }
}

fn open(model: &mut Model, random: &mut Random, i: u32) {
    let Some(place) = model.open.iter().position(Option::is_none) else { return };
    let name = random.below(NAMES.len());
    let fd = sys::open(NAMES[name]);
    let file = model.named(name);
    check!((fd >= 2) == file.is_some(), "{i}: open of {:?} gives {fd}", NAMES[name]);
    if let Some(file) = file {
        check!(model.open.iter().flatten().all(|&(other, _)| other != fd), "{i}: {fd} was open");
        let description = model.free_description();
        model.descriptions[description] = Description { file, position: 0 };
        model.open[place] = Some((fd, description));
    }
}

fn dup2(model: &mut Model, random: &mut Random, i: u32) {
    let Some((_, old, description)) = model.draw(random) else { return };
    // Onto an open one, or to a number that is far away.
    let place = random.below(OPEN);
    let new = model.open[place].map_or(1000 + place as i32, |(fd, _)| fd);
    check!(sys::dup2(old, new) == new, "{i}: dup2({old}, {new})");
    model.open[place] = Some((new, description));
}

fn read(model: &mut Model, random: &mut Random, i: u32) {
    let Some((_, fd, d)) = model.draw(random) else { return };
    let Description { file, position } = model.descriptions[d];
    let file = &model.files[file];
    let mut bytes = [0xee; SIZE_MAX];
    let n = length(random);
    let expected = file.len.saturating_sub(position).min(n);
    let got = sys::read(fd, &mut bytes[..n]);
    check!(got == expected as i32, "{i}: read of {n} at {position} of {} gives {got}", file.len);
    let (read, rest) = bytes.split_at(expected);
    check!(
        expected == 0 || *read == file.bytes[position..][..expected],
        "{i}: {expected} bytes at {position}"
    );
    check!(rest.iter().all(|&b| b == 0xee), "{i}: read wrote more than it said");
    model.descriptions[d].position += expected;
}

fn write(model: &mut Model, random: &mut Random, i: u32) {
    let Some((_, fd, d)) = model.draw(random) else { return };
    let Description { file, position } = model.descriptions[d];
    let n = length(random).min(SIZE_MAX - position.min(SIZE_MAX));
    let file = &mut model.files[file];
    let mut bytes = [0; SIZE_MAX];
    bytes[..n].iter_mut().for_each(|b| *b = random.next_u64() as u8);
    let put = sys::write(fd, &bytes[..n]);
    check!(put == n as i32, "{i}: write of {n} at {position} gives {put}");
    if n > 0 {
        file.bytes[position..][..n].copy_from_slice(&bytes[..n]);
        file.len = file.len.max(position + n);
    }
    model.descriptions[d].position += n;
}

/// Lengths around the sizes that matter, and any.
fn length(random: &mut Random) -> usize {
    let base = [0, 1, 512, 4096, random.below(SIZE_MAX / 2)][random.below(5)];
    base + random.below(3)
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &b| (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3))
}
