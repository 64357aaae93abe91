//! Sorting much data with little memory per process: chunks are sorted by children through files, then merged.

use userprog::{Args, CText, cformat, check, sys};

use crate::{child, file};

/// How many times each byte value occurs.
pub(crate) fn histogram(bytes: &[u8]) -> [u32; 256] {
    let mut counts = [0; 256];
    bytes.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    counts
}

/// Sorts bytes by counting them.
pub fn sort(bytes: &mut [u8]) {
    let mut rest = &mut bytes[..];
    for (value, count) in (0..=u8::MAX).zip(histogram(rest)) {
        let (now, later) = core::mem::take(&mut rest).split_at_mut(count as usize);
        now.fill(value);
        rest = later;
    }
}

/// Sorts bytes in place by exchanging them, the larger half by the loop and the smaller by a call: touches memory all over.
pub fn quicksort(mut bytes: &mut [u8]) {
    while bytes.len() > 1 {
        let pivot = bytes[bytes.len() / 2];
        let (mut less, mut equal, mut more) = (0, 0, bytes.len());
        while equal < more {
            match bytes[equal].cmp(&pivot) {
                core::cmp::Ordering::Less => {
                    bytes.swap(less, equal);
                    less += 1;
                    equal += 1;
                }
                core::cmp::Ordering::Equal => equal += 1,
                core::cmp::Ordering::Greater => {
                    more -= 1;
                    bytes.swap(equal, more);
                }
            }
        }
        let (below, rest) = bytes.split_at_mut(less);
        let above = &mut rest[more - less..];
        let (small, large) = if below.len() < above.len() { (below, above) } else { (above, below) };
        quicksort(small);
        bytes = large;
    }
}

/// Sorts a file in place: `sort` gets its bytes, which are read into `room`. The file is the program's argument.
pub fn sort_file(args: Args, room: &mut [u8], sort: impl Fn(&mut [u8])) {
    let fd = file::open(&file_name(args));
    let len = sys::filesize(fd) as usize;
    check!(len <= room.len(), "a file of {len} bytes is too long");
    let bytes = &mut room[..len];
    file::read(fd, bytes);
    sort(bytes);
    sys::seek(fd, 0);
    file::write(fd, bytes);
    sys::close(fd);
}

/// The file that is the program's argument.
pub fn file_name(args: Args) -> CText {
    cformat!("{}", args.get(1).unwrap_or("no file given"))
}

/// How chunks are sorted: by children.
pub struct Sorter {
    /// The program that sorts the file it is given.
    pub program: &'static str,
    /// The status it ends with.
    pub status: i32,
    /// Whether all children run at once, or one after the other.
    pub at_once: bool,
}

impl Sorter {
    /// Fills `data` at random, has its chunks of `chunk` bytes (16 at most) sorted, each through a file of its own, merges them into
    /// `sorted` and checks the result.
    pub fn sort(&self, data: &mut [u8], sorted: &mut [u8], chunk: usize) {
        file::fill_random(data, 51);
        let before = histogram(data);
        let mut children = [0; CHUNKS_MAX];
        for (i, bytes) in data.chunks_mut(chunk).enumerate() {
            children[i] = self.start(i, bytes);
            if !self.at_once {
                self.finish(children[i], i, bytes);
            }
        }
        if self.at_once {
            data.chunks_mut(chunk).enumerate().for_each(|(i, bytes)| self.finish(children[i], i, bytes));
        }
        merge(data, sorted, chunk);
        check!(sorted.is_sorted(), "the merged data is not in order");
        check!(histogram(sorted) == before, "the merged data is other data");
    }

    /// Starts the child that sorts chunk `i`; its process identifier.
    fn start(&self, i: usize, bytes: &[u8]) -> i32 {
        let name = cformat!("buf{i}");
        file::create(&name, bytes.len());
        let fd = file::open(&name);
        file::write(fd, bytes);
        sys::close(fd);
        child::start(&cformat!("{} buf{i}", self.program))
    }

    /// Waits for the child of chunk `i` and takes the chunk back.
    fn finish(&self, pid: i32, i: usize, bytes: &mut [u8]) {
        let name = cformat!("buf{i}");
        child::expect(pid, self.status);
        let fd = file::open(&name);
        file::read(fd, bytes);
        sys::close(fd);
        check!(sys::remove(&name), "buf{i} cannot be removed");
    }
}

/// Most chunks.
const CHUNKS_MAX: usize = 16;

/// Merges sorted chunks: the smallest first byte next, until all chunks are used up.
fn merge(data: &[u8], sorted: &mut [u8], chunk: usize) {
    let mut next = [0; CHUNKS_MAX];
    let chunks = data.len() / chunk;
    for place in sorted.iter_mut() {
        let heads = (0..chunks).filter(|&i| next[i] < chunk);
        let least = heads.min_by_key(|&i| data[i * chunk + next[i]]);
        let least = least.expect("as many bytes go out as came in");
        *place = data[least * chunk + next[least]];
        next[least] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(len: usize, seed: u64) -> Vec<u8> {
        let mut bytes = vec![0; len];
        file::fill_random(&mut bytes, seed);
        bytes
    }

    #[test]
    fn both_sorts_sort() {
        for (len, seed) in [(0, 1), (1, 2), (2, 3), (1000, 4), (70_001, 5)] {
            let bytes = random(len, seed);
            let mut wanted = bytes.clone();
            wanted.sort_unstable();
            let (mut counted, mut exchanged) = (bytes.clone(), bytes);
            sort(&mut counted);
            quicksort(&mut exchanged);
            assert_eq!(counted, wanted);
            assert_eq!(exchanged, wanted);
        }
    }

    #[test]
    fn sorted_chunks_merge_into_sorted_data() {
        let mut data = random(8 * 512, 6);
        data.chunks_mut(512).for_each(sort);
        let mut sorted = vec![0; data.len()];
        merge(&data, &mut sorted, 512);
        data.sort_unstable();
        assert_eq!(sorted, data);
    }
}
