//! [`classify`]: what a page fault needs, decided in one call from what is known about the address.
//!
//! The order of the questions is the policy: user memory at all? a page of the process? an address that may become one? the
//! stack? and for the first that says yes: is this access allowed?

use crate::{Entry, Prot, Region, RegionKind, may_grow};
use core::fmt;
use fl_abi::USER_LIMIT;
use fl_addr::VirtAddr;

/// What the faulting instruction wanted (Intel SDM vol. 3A, 4.7: bits W/R and I/D of the page-fault error code).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Access {
    /// A data read.
    Read,
    /// A data write.
    Write,
    /// An instruction fetch.
    Execute,
}

/// Where the first content of a new page comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// The program file, by its load plan.
    Executable,
    /// Nowhere: all zero.
    Zero,
    /// That page of the file that is mapped there.
    Mapping {
        /// Its number in the file.
        page: u64,
    },
}

/// What the fault path shall do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// The address has an entry that allows the access: bring its page in, map it.
    Resolve,
    /// As `Resolve`, but the access is a store to a page that others may see: after bringing it in, ask
    /// [`on_write_fault`](crate::on_write_fault).
    BreakCow,
    /// The address lies in a region: make a page with these rights, add its entry, go on as for [`Resolve`](Self::Resolve).
    MakePage {
        /// What to fill it with.
        source: Source,
        /// The entry's rights.
        prot: Prot,
    },
    /// The stack grows to this page: make a zero page with these rights, add its entry, go on.
    GrowStack {
        /// The entry's rights.
        prot: Prot,
    },
    /// The access is not allowed: kill the process, or fail the system call's copy.
    Bad(Bad),
}

/// Why an access is bad. Always the program's fault.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bad {
    /// At or above the user limit, or not a canonical address.
    NotUserMemory,
    /// Nothing is, or may come, at this address.
    NothingThere,
    /// In the stack's region, but too far below the stack pointer.
    BelowStackPointer,
    /// A write where writing is not allowed: program text, constants.
    ReadOnly,
    /// An instruction fetch from data or stack.
    NoExecute,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUserMemory => "not an address of user memory",
            Self::NothingThere => "nothing is mapped there",
            Self::BelowStackPointer => "too far below the stack pointer",
            Self::ReadOnly => "the page is read-only",
            Self::NoExecute => "the page is not executable",
        })
    }
}

/// Decides what a fault at `va` needs.
///
/// `entry` and `region` are what [`Spt::get`](crate::Spt::get) and [`Regions::find`](crate::Regions::find) say of `va`'s page. `user_rsp` is the user's stack pointer
/// at the fault or, if the kernel touched user memory for a system call, at the call's entry: never the kernel's.
pub fn classify<P, M>(
    va: VirtAddr,
    access: Access,
    entry: Option<&Entry<P>>,
    region: Option<&Region<M>>,
    user_rsp: VirtAddr,
) -> Decision {
    if va.0 >= USER_LIMIT {
        return Decision::Bad(Bad::NotUserMemory);
    }
    if let Some(entry) = entry {
        return match allowed(access, entry.prot) {
            Err(bad) => Decision::Bad(bad),
            Ok(()) if access == Access::Write && entry.cow => Decision::BreakCow,
            Ok(()) => Decision::Resolve,
        };
    }
    let Some(region) = region else {
        return Decision::Bad(Bad::NothingThere);
    };
    if let Err(bad) = allowed(access, region.prot) {
        return Decision::Bad(bad);
    }
    let prot = region.prot;
    match &region.kind {
        RegionKind::Executable => Decision::MakePage { source: Source::Executable, prot },
        RegionKind::Zero => Decision::MakePage { source: Source::Zero, prot },
        RegionKind::Stack if may_grow(va, user_rsp) => Decision::GrowStack { prot },
        RegionKind::Stack => Decision::Bad(Bad::BelowStackPointer),
        RegionKind::Mapping(_) => match region.file_page(va.vpn()) {
            Some(page) => Decision::MakePage { source: Source::Mapping { page }, prot },
            None => Decision::Bad(Bad::NothingThere), // the caller looked up another page's region
        },
    }
}

/// Whether `prot` allows the access. Reading is always allowed.
const fn allowed(access: Access, prot: Prot) -> Result<(), Bad> {
    match access {
        Access::Write if !prot.write => Err(Bad::ReadOnly),
        Access::Execute if !prot.exec => Err(Bad::NoExecute),
        _ => Ok(()),
    }
}
