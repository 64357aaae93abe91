//! Bélády's OPT: the fewest faults that any policy could take, for which it would have to know the future. For the host.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;

/// The faults that a trace of pages costs with so many frames if the page needed last is always the one evicted (Bélády 1966).
pub fn faults(trace: &[u32], frames: usize) -> usize {
    // For each access, when the same page is accessed next.
    let mut next_use = vec![usize::MAX; trace.len()];
    let mut seen = BTreeMap::new();
    for (now, &page) in trace.iter().enumerate().rev() {
        next_use[now] = seen.insert(page, now).unwrap_or(usize::MAX);
    }
    let mut resident = BTreeMap::<u32, usize>::new();
    let mut by_next_use = BTreeSet::<(usize, u32)>::new();
    let mut faults = 0;
    for (now, &page) in trace.iter().enumerate() {
        match resident.remove(&page) {
            Some(next) => {
                by_next_use.remove(&(next, page));
            }
            None => {
                faults += 1;
                if frames == 0 {
                    continue;
                }
                if resident.len() == frames
                    && let Some((_, victim)) = by_next_use.pop_last()
                {
                    resident.remove(&victim);
                }
            }
        }
        resident.insert(page, next_use[now]);
        by_next_use.insert((next_use[now], page));
    }
    faults
}
