//! [`Stamp`]: what a page must hold, all of it: whose it is, how often it was written, and words that follow from that, with their checksum.
//!
//! A page that comes back from swap or a file as another's, as an older version of itself, or with one byte changed, is told apart from the
//! right one, and from each other.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::PAGE;

/// Words of a page.
pub const WORDS: usize = PAGE / 8;
/// Where in the page the version stands, which says when the rest is whole.
const VERSION: usize = 1;
/// Words before those that are drawn: name, version, checksum.
const HEAD: usize = 3;

/// A page's memory: shared, perhaps, with others who store to it.
pub type PageWords = [AtomicU64; WORDS];

/// What a page holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Who wrote it.
    pub owner: u32,
    /// Its number among the owner's.
    pub page: u32,
    /// How often it was written.
    pub generation: u32,
}

/// What is wrong with a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// It holds another page, or an older version of this one.
    Other(Stamp),
    /// It is the right page, but not all of it.
    Word {
        /// Which word.
        at: usize,
        /// What it holds.
        holds: u64,
        /// What it should.
        should: u64,
    },
    /// It is no stamped page at all.
    Nothing(u64),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(Stamp { owner, page, generation }) => {
                write!(f, "holds page {page} of {owner} at generation {generation}")
            }
            Self::Word { at, holds, should } => write!(f, "word {at} is {holds:#x} instead of {should:#x}"),
            Self::Nothing(first) => write!(f, "holds something else: it begins with {first:#x}"),
        }
    }
}

impl Stamp {
    /// The page's words from [`HEAD`] on; consecutive stamps have nothing in common.
    fn drawn(self) -> impl Iterator<Item = u64> {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let name = self.name().rotate_left(17) ^ u64::from(self.generation);
        let key = (name ^ (name >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (HEAD as u64..WORDS as u64).map(move |i| key ^ i.wrapping_mul(ODD))
    }

    fn name(self) -> u64 {
        u64::from(self.owner) << 32 | u64::from(self.page)
    }

    /// Twice the generation; one more while the page is being written.
    fn version(self) -> u64 {
        2 * u64::from(self.generation)
    }

    fn checksum(self) -> u64 {
        self.drawn().fold(self.name() ^ !self.version(), u64::wrapping_add)
    }

    /// Writes all of the page. Who looks meanwhile with [`read`] is told so.
    pub fn write(self, page: &PageWords) {
        page[VERSION].store(self.version() + 1, Ordering::Relaxed);
        // Partner: the fence in `read`. Whoever sees a word of this writing sees the odd version too.
        core::sync::atomic::fence(Ordering::Release);
        page[0].store(self.name(), Ordering::Relaxed);
        page[2].store(self.checksum(), Ordering::Relaxed);
        for (word, drawn) in page[HEAD..].iter().zip(self.drawn()) {
            word.store(drawn, Ordering::Relaxed);
        }
        // Release: partner is the first load in `read`; who sees this version sees all of it.
        page[VERSION].store(self.version(), Ordering::Release);
    }

    /// Looks at every byte of a page that nobody writes meanwhile.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn verify(self, page: &PageWords) -> Result<(), Wrong> {
        match read(page) {
            Read::Whole(found) if found == self => Ok(()),
            Read::Whole(found) => Err(Wrong::Other(found)),
            Read::Wrong(wrong) => Err(wrong),
            Read::Changing => Err(Wrong::Nothing(page[VERSION].load(Ordering::Relaxed))),
        }
    }
}

/// What [`read`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    /// A whole page.
    Whole(Stamp),
    /// Somebody writes it.
    Changing,
    /// Nobody does, and it is wrong.
    Wrong(Wrong),
}

/// Looks at every byte of a page that others may write meanwhile.
pub fn read(page: &PageWords) -> Read {
    let version = page[VERSION].load(Ordering::Acquire); // partner: the last store in `write`
    let found = look(page, version);
    // Partner: the fence in `write`.
    core::sync::atomic::fence(Ordering::Acquire);
    if version % 2 == 1 || page[VERSION].load(Ordering::Relaxed) != version {
        return Read::Changing;
    }
    found.map_or_else(Read::Wrong, Read::Whole)
}

/// The stamp that is in the page, if every word of it is right.
fn look(page: &PageWords, version: u64) -> Result<Stamp, Wrong> {
    let word = |at: usize| page[at].load(Ordering::Relaxed);
    let name = word(0);
    let stamp = Stamp { owner: (name >> 32) as u32, page: name as u32, generation: (version / 2) as u32 };
    if stamp.version() != version & !1 || (name, version) == (0, 0) {
        return Err(Wrong::Nothing(name));
    }
    let drawn = (HEAD..WORDS).zip(stamp.drawn());
    for (at, should) in core::iter::once((2, stamp.checksum())).chain(drawn) {
        if word(at) != should {
            return Err(Wrong::Word { at, holds: word(at), should });
        }
    }
    Ok(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { owner: 3, page: 70, generation: 9 };

    fn page() -> Box<PageWords> {
        Box::new([const { AtomicU64::new(0) }; WORDS])
    }

    #[test]
    fn what_is_written_is_found() {
        let page = page();
        STAMP.write(&page);
        assert_eq!(STAMP.verify(&page), Ok(()));
        assert_eq!(read(&page), Read::Whole(STAMP));
    }

    #[test]
    fn every_single_bit_counts() {
        let page = page();
        for bit in 0..PAGE * 8 {
            STAMP.write(&page);
            page[bit / 64].fetch_xor(1 << (bit % 64), Ordering::Relaxed);
            assert!(STAMP.verify(&page).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn another_page_and_an_older_one_are_named() {
        let page = page();
        for other in
            [Stamp { owner: 4, ..STAMP }, Stamp { page: 71, ..STAMP }, Stamp { generation: 8, ..STAMP }]
        {
            other.write(&page);
            assert_eq!(STAMP.verify(&page), Err(Wrong::Other(other)));
        }
    }

    #[test]
    fn half_of_an_older_version_is_wrong() {
        let (new, old) = (page(), page());
        STAMP.write(&new);
        Stamp { generation: 8, ..STAMP }.write(&old);
        for (word, stale) in new[WORDS / 2..].iter().zip(&old[WORDS / 2..]) {
            word.store(stale.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        assert!(matches!(STAMP.verify(&new), Err(Wrong::Word { at, .. }) if at == WORDS / 2));
    }

    #[test]
    fn zeros_are_no_page() {
        let zero = Stamp { owner: 0, page: 0, generation: 0 };
        assert_eq!(zero.verify(&page()), Err(Wrong::Nothing(0)));
    }

    #[test]
    fn who_looks_while_it_is_written_is_told() {
        let page = page();
        STAMP.write(&page);
        page[VERSION].fetch_add(1, Ordering::Relaxed);
        assert_eq!(read(&page), Read::Changing);
    }
}
