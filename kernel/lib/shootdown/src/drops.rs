//! [`Drops`]: what a CPU is to drop from its translation caches: some runs of pages, or everything at once when they are many.

use fl_addr::Vpn;

/// Neighbouring pages.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PageRun {
    /// The first of them.
    pub first: Vpn,
    /// How many: at least 1.
    pub pages: u32,
}

impl PageRun {
    /// The pages.
    pub fn iter(self) -> impl Iterator<Item = Vpn> {
        (0..u64::from(self.pages)).map(move |n| Vpn(self.first.0 + n))
    }
}

/// How much goes. The later contains the earlier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Extent {
    /// The runs of pages.
    Runs,
    /// All translations of user spaces.
    User,
    /// The kernel's, too.
    Everything,
}

/// Up to `N` runs of pages, of at most [`Self::PAGES`] pages together; with more than that all translations of user spaces go, which
/// is cheaper by then: what is dropped too much is walked again, some dozen cycles each.
#[derive(Clone, Copy, Debug)]
pub struct Drops<const N: usize> {
    extent: Extent,
    runs: [PageRun; N],
    len: usize,
    pages: u32,
}

impl<const N: usize> Drops<N> {
    /// Most pages that are dropped one by one.
    pub const PAGES: u32 = 32;

    /// Nothing.
    pub const fn new() -> Self {
        Self { extent: Extent::Runs, runs: [PageRun { first: Vpn(0), pages: 0 }; N], len: 0, pages: 0 }
    }

    /// All translations of user spaces, or all there are.
    pub const fn of(extent: Extent) -> Self {
        Self { extent, ..Self::new() }
    }

    /// One page more. A page next to the last one added extends its run.
    #[inline]
    pub fn add(&mut self, page: Vpn) {
        if self.extent != Extent::Runs {
            return;
        }
        self.pages += 1;
        if self.pages > Self::PAGES {
            self.extent = Extent::User;
            return;
        }
        if let Some(last) = self.len.checked_sub(1).map(|n| &mut self.runs[n])
            && last.first.0 + u64::from(last.pages) == page.0
        {
            last.pages += 1;
            return;
        }
        match self.runs.get_mut(self.len) {
            Some(run) => {
                *run = PageRun { first: page, pages: 1 };
                self.len += 1;
            }
            None => self.extent = Extent::User,
        }
    }

    /// How much goes.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// The runs. They are all that goes if [`extent`](Self::extent) says so.
    pub fn runs(&self) -> &[PageRun] {
        &self.runs[..self.len]
    }

    /// Pages added.
    pub fn pages(&self) -> u32 {
        self.pages
    }

    /// Whether nothing goes.
    pub fn is_empty(&self) -> bool {
        self.extent == Extent::Runs && self.len == 0
    }
}

impl<const N: usize> Default for Drops<N> {
    fn default() -> Self {
        Self::new()
    }
}
