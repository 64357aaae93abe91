//! The page tables the kernel starts on: its image in the top 2 GiB, and the direct map.
//!
//! Four levels, built in pool pages (Intel SDM vol. 3A, 4.5). No identity map: the loader leaves by its
//! direct map alias.

use super::pool::Pool;
use fl_addr::{PAGE_SIZE, PhysAddr, VirtAddr};
use loader::elf::KernelElf;
use loader::error::LoadError;
use loader::hhdm::{self, PageSize};
use loader::memory_map::Span;

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
/// In a page directory entry: maps 2 MiB.
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

type Table = [u64; 512];

/// Owns a tree of tables in the pool; they live until the kernel reclaims them.
pub struct PageTables {
    root: PhysAddr,
}

impl PageTables {
    /// Maps nothing.
    ///
    /// # Errors
    /// [`LoadError::OutOfMemory`], as all methods here.
    pub fn new(pool: &mut Pool) -> Result<Self, LoadError> {
        Ok(Self { root: pool.page()? })
    }

    /// The value for CR3.
    pub fn root(&self) -> PhysAddr {
        self.root
    }

    /// Maps each segment with its own rights; the image lies at `phys`.
    pub fn map_kernel(&mut self, pool: &mut Pool, elf: &KernelElf<'_>, phys: Span) -> Result<(), LoadError> {
        for segment in elf.segments() {
            let rights =
                if segment.writable { WRITABLE } else { 0 } | if segment.executable { 0 } else { NO_EXECUTE };
            let first = segment.addr.align_down();
            for virt in (first.0..segment.end().0).step_by(PAGE_SIZE).map(VirtAddr) {
                self.map(pool, virt, phys.start + (virt.0 - elf.start().0), PageSize::Small, rights)?;
            }
        }
        Ok(())
    }

    /// Maps `range` (page-aligned) at its direct map address, writable and executable: the loader's own code
    /// leaves through it.
    pub fn map_direct(&mut self, pool: &mut Pool, range: Span) -> Result<(), LoadError> {
        for (phys, size) in hhdm::pages(range) {
            self.map(pool, hhdm::alias(phys), phys, size, WRITABLE)?;
        }
        Ok(())
    }

    fn map(
        &mut self,
        pool: &mut Pool,
        virt: VirtAddr,
        phys: PhysAddr,
        size: PageSize,
        rights: u64,
    ) -> Result<(), LoadError> {
        let (leaf, large) = match size {
            PageSize::Small => (1, 0),
            PageSize::Large => (2, LARGE),
        };
        let mut table = self.root;
        for level in (leaf + 1..=4).rev() {
            let entry = &mut self.table(table)[virt.vpn().table_index(level)];
            if *entry & PRESENT == 0 {
                *entry = pool.page()?.0 | PRESENT | WRITABLE;
            }
            table = PhysAddr(*entry & ADDRESS);
        }
        self.table(table)[virt.vpn().table_index(leaf)] = phys.0 | PRESENT | large | rights;
        Ok(())
    }

    /// The table at `at`, which must be the root or come from an entry that is no leaf.
    fn table(&mut self, at: PhysAddr) -> &mut Table {
        // SAFETY: 1. tables are whole pages of the pool, zeroed, identity-mapped, and given out to no one
        // else; 2. no processor walks them before the handoff; 3. `&mut self` makes this the only reference.
        unsafe { &mut *(at.0 as *mut Table) }
    }
}
