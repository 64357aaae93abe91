//! [`Ghosts`]: the pages that were evicted last, remembered by identity only.

use crate::NoMemory;
use alloc::vec::Vec;
use fl_addr::PageId;

/// No page: identities begin at 1.
const NONE: PageId = PageId(0);

/// The last so many pages put in, the oldest of which are forgotten, with a search by identity in constant time.
#[derive(Debug)]
pub(crate) struct Ghosts {
    /// In order of arrival; the next one goes to `next`. One that was taken out leaves [`NONE`].
    ring: Vec<PageId>,
    next: usize,
    /// Hash table with linear probing: place in the ring + 1, or 0. At most half full.
    index: Vec<u32>,
}

impl Ghosts {
    pub(crate) fn new(capacity: usize) -> Result<Self, NoMemory> {
        let (mut ring, mut index) = (Vec::new(), Vec::new());
        let buckets = (2 * capacity).next_power_of_two();
        ring.try_reserve_exact(capacity).map_err(|_| NoMemory)?;
        index.try_reserve_exact(buckets).map_err(|_| NoMemory)?;
        ring.resize(capacity, NONE);
        index.resize(buckets, 0);
        Ok(Self { ring, next: 0, index })
    }

    /// Remembers a page, and forgets the oldest if there is no room.
    pub(crate) fn put(&mut self, page: PageId) {
        if self.ring.is_empty() || page == NONE {
            return;
        }
        self.take(page);
        let place = self.next;
        let oldest = self.ring[place];
        self.take(oldest);
        self.ring[place] = page;
        let mut bucket = self.home(page);
        while self.index[bucket] != 0 {
            bucket = self.after(bucket);
        }
        self.index[bucket] = place as u32 + 1;
        self.next = (place + 1) % self.ring.len();
    }

    /// Forgets a page; whether it was remembered.
    pub(crate) fn take(&mut self, page: PageId) -> bool {
        if self.ring.is_empty() || page == NONE {
            return false;
        }
        let mut bucket = self.home(page);
        loop {
            match self.index[bucket] {
                0 => return false,
                entry if self.ring[entry as usize - 1] == page => {
                    self.ring[entry as usize - 1] = NONE;
                    self.close_gap(bucket);
                    return true;
                }
                _ => bucket = self.after(bucket),
            }
        }
    }

    /// Empties a bucket, and moves later entries of the same chain up so that none is cut off (Knuth, TAOCP vol. 3, 6.4, algorithm R).
    fn close_gap(&mut self, mut gap: usize) {
        let mut bucket = gap;
        loop {
            bucket = self.after(bucket);
            let entry = self.index[bucket];
            if entry == 0 {
                break;
            }
            let home = self.home(self.ring[entry as usize - 1]);
            // How far the entry is from its home, and from the gap: it may move if it does not pass its home.
            let mask = self.index.len() - 1;
            if (bucket.wrapping_sub(home) & mask) >= (bucket.wrapping_sub(gap) & mask) {
                self.index[gap] = entry;
                gap = bucket;
            }
        }
        self.index[gap] = 0;
    }

    /// Multiplicative hashing by 2^32 over the golden ratio; the high bits are the good ones.
    fn home(&self, page: PageId) -> usize {
        let hash = page.0.wrapping_mul(0x9e37_79b9);
        ((u64::from(hash) * self.index.len() as u64) >> 32) as usize
    }

    fn after(&self, bucket: usize) -> usize {
        (bucket + 1) & (self.index.len() - 1)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use alloc::collections::VecDeque;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_agree_with_a_plain_queue(capacity in 0usize..9, steps in prop::collection::vec((any::<bool>(), 0u32..20), 0..200)) {
            let mut ghosts = Ghosts::new(capacity).unwrap();
            // As the ring: a page that was taken out still has its place until that is used again.
            let mut model: VecDeque<u32> = core::iter::repeat_n(0, capacity).collect();
            for (put, page) in steps {
                let found = page != 0 && model.contains(&page);
                if found {
                    let at = model.iter().position(|&p| p == page).unwrap();
                    model[at] = 0;
                }
                if put {
                    ghosts.put(PageId(page));
                    if page != 0 && capacity != 0 {
                        model.pop_front();
                        model.push_back(page);
                    }
                } else {
                    prop_assert_eq!(ghosts.take(PageId(page)), found);
                }
            }
        }
    }
}
