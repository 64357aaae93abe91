//! Sorting much data with little memory per process: chunks are sorted by children through files, then merged.

use core::ffi::CStr;

use userprog::{check, sys};

use crate::{child, file, text};

/// How many times each byte value occurs.
fn histogram(bytes: &[u8]) -> [u32; 256] {
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

/// Sorts the file `name` in place with `program`, at once or in the background; the child.
fn start_sorter(program: &str, name: &CStr) -> i32 {
    child::start(text!("{program} {}", name.to_str().unwrap_or("?")).as_c())
}

/// Makes `N` bytes of random data, has its chunks sorted by children that end with `status`, one after the other through one file,
/// or all at once through a file each, merges them into `sorted` and checks the result.
pub fn sort_by_children(data: &mut [u8], sorted: &mut [u8], chunk: usize, program: &str, status: i32, at_once: bool) {
    file::fill_random(data, 0x6d65_7267_65);
    let before = histogram(data);
    let mut children = [0; 16];
    for (i, bytes) in data.chunks_mut(chunk).enumerate() {
        let name = text!("buf{i}");
        file::create(name.as_c(), bytes.len());
        let fd = file::open(name.as_c());
        file::write(fd, bytes);
        sys::close(fd);
        children[i] = start_sorter(program, name.as_c());
        if !at_once {
            finish(children[i], status, name.as_c(), bytes);
        }
    }
    if at_once {
        for (i, bytes) in data.chunks_mut(chunk).enumerate() {
            finish(children[i], status, text!("buf{i}").as_c(), bytes);
        }
    }
    merge(data, sorted, chunk);
    check!(sorted.is_sorted(), "the merged data is not in order");
    check!(histogram(sorted) == before, "the merged data is other data");
}

/// Waits for the child and takes its chunk back.
fn finish(pid: i32, status: i32, name: &CStr, bytes: &mut [u8]) {
    child::expect(pid, status);
    let fd = file::open(name);
    file::read(fd, bytes);
    sys::close(fd);
    check!(sys::remove(name), "{name:?} cannot be removed");
}

/// Merges sorted chunks: the smallest first byte next, until all chunks are used up.
fn merge(data: &[u8], sorted: &mut [u8], chunk: usize) {
    let mut next = [0; 16];
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
