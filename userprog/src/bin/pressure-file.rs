//! `pressure-file [PAGES [WRITERS [READERS [ROUNDS [SEED]]]]]`: one file of so many pages (64), mapped by so many writers (2), each of which writes its
//! part so many times (4), and readers (2), which look at all of it meanwhile. At the end the file must hold what was written last.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::AtomicU64;

use userprog::family::Children;
use userprog::stamp::{PageWords, Read, Stamp, WORDS, read};
use userprog::{Args, Mapping, PAGE, PageAligned, Random, check, println, program, sys};

program!(run);

/// Where the file is mapped: far from all that is the program's.
const AT: usize = 0x1000_0000;
const MAX: usize = 4096;
const MAX_PROCESSES: usize = 16;
const FILE: &core::ffi::CStr = c"pressure.dat";
/// In place of who writes a page: all know.
const OWNER: u32 = 77;

static BUFFER: PageAligned<PageWords> = PageAligned([const { AtomicU64::new(0) }; WORDS]);

#[derive(Clone, Copy)]
struct File {
    pages: usize,
    writers: usize,
    rounds: u32,
}

impl File {
    /// Maps it; nobody else of this process does.
    fn map(self) -> (Mapping, &'static [PageWords]) {
        let fd = sys::open(FILE);
        // SAFETY: nothing of the program's lies there.
        let mapping = unsafe { Mapping::of(fd, AT) };
        sys::close(fd); // the mapping stays
        // SAFETY: so many pages are mapped there until `Mapping::end`; all who use them do it by atomics.
        (mapping, unsafe { core::slice::from_raw_parts(AT as *const PageWords, self.pages) })
    }

    fn stamp(self, page: usize, generation: u32) -> Stamp {
        Stamp { owner: OWNER, page: page as u32, generation }
    }

    /// Writes every page whose turn is this writer's, in an order of its own, so many times.
    fn write(self, writer: usize, mut random: Random) -> i32 {
        let (mapping, pages) = self.map();
        let mut mine = [0u16; MAX];
        let count = (writer..self.pages).step_by(self.writers).zip(&mut mine).fold(0, |n, (page, place)| {
            *place = page as u16;
            n + 1
        });
        for generation in 2..self.rounds + 2 {
            random.shuffle(&mut mine[..count]);
            for &page in &mine[..count] {
                let page = usize::from(page);
                let before = self.stamp(page, generation - 1);
                if let Err(wrong) = before.verify(&pages[page]) {
                    check!(false, "writer {writer}, generation {generation}: page {page} {wrong}");
                }
                self.stamp(page, generation).write(&pages[page]);
            }
        }
        if random.below(2) == 0 {
            mapping.end(); // else the process's end does it
        }
        0
    }

    /// Looks at random pages, which never go back to an older generation.
    fn read(self, reader: usize, mut random: Random) -> i32 {
        let (_, pages) = self.map();
        let mut seen = [1u32; MAX];
        for _ in 0..self.pages * self.rounds as usize {
            let page = random.below(self.pages);
            match read(&pages[page]) {
                Read::Changing => {}
                Read::Whole(found) => {
                    let should = self.stamp(page, found.generation);
                    check!(found == should, "reader {reader}: page {page} holds {found:?}");
                    let back = found.generation < seen[page];
                    check!(
                        !back,
                        "reader {reader}: page {page} goes back to {} from {}",
                        found.generation,
                        seen[page]
                    );
                    seen[page] = found.generation;
                }
                Read::Wrong(wrong) => check!(false, "reader {reader}: page {page} {wrong}"),
            }
        }
        0
    }

    /// Makes it, each page at generation 1.
    fn make(self) {
        check!(sys::create(FILE, (self.pages * PAGE) as u32), "no file of {} pages can be made", self.pages);
        let fd = sys::open(FILE);
        for page in 0..self.pages {
            self.stamp(page, 1).write(&BUFFER.0);
            check!(buffer().write_from(0, PAGE, fd) == PAGE as i32, "page {page} cannot be written");
        }
        sys::close(fd);
    }

    /// Looks at it by read(2), when nobody has it mapped. `complete`: everybody has written all.
    fn verify(self, complete: bool) {
        let fd = sys::open(FILE);
        for page in 0..self.pages {
            check!(buffer().read_into(0, PAGE, fd) == PAGE as i32, "page {page} cannot be read");
            match read(&BUFFER.0) {
                Read::Whole(found) if found == self.stamp(page, found.generation) => {
                    check!(
                        !complete || found.generation == self.rounds + 1,
                        "page {page} of the file is at generation {}, not {}",
                        found.generation,
                        self.rounds + 1
                    );
                }
                // A writer that the kernel has ended may have been in the midst of it.
                found => check!(!complete, "page {page} of the file: {found:?}"),
            }
        }
        sys::close(fd);
    }
}

fn buffer() -> Mapping {
    Mapping::nothing_at(&raw const BUFFER as usize)
}

fn run(args: Args) -> i32 {
    let (pages, writers, readers) = (args.value(1, 64usize), args.value(2, 2usize), args.value(3, 2usize));
    let (rounds, seed) = (args.value(4, 4u32), args.value(5, 1u64));
    check!((1..=MAX).contains(&pages), "{pages} pages: must be 1 to {MAX}");
    check!((1..=MAX_PROCESSES).contains(&writers), "{writers} writers: must be 1 to {MAX_PROCESSES}");
    check!(readers <= MAX_PROCESSES, "{readers} readers: must be 0 to {MAX_PROCESSES}");
    let file = File { pages, writers, rounds };
    file.make();
    let mut children = Children::default();
    let mut pids = [None; 2 * MAX_PROCESSES];
    let random = |place: usize| Random::new(seed.wrapping_mul(1 << 20).wrapping_add(place as u64));
    for (place, pid) in pids[..writers + readers].iter_mut().enumerate() {
        *pid = match place.checked_sub(writers) {
            None => children.start(c"pressure-writer", || file.write(place, random(place))),
            Some(reader) => children.start(c"pressure-reader", || file.read(reader, random(place))),
        };
    }
    pids.into_iter().flatten().for_each(|pid| children.wait(pid));
    let Children { right, wrong, ended, refused } = children;
    file.verify(ended == 0 && refused == 0);
    check!(sys::remove(FILE), "the file cannot be removed");
    println!(
        "pressure-file: {pages} pages written {rounds} times; processes {right} right, {wrong} wrong, {ended} ended by the kernel, {refused} not made"
    );
    children.status()
}
