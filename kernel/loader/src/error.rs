//! Everything that can go wrong before the kernel runs, said in one line with what to do about it.
//!
//! All of it is the caller's mistake or the machine's limit, none is worth a retry: the loader prints the
//! line and ends QEMU.

use crate::elf::ElfError;
use crate::memory_map::{MAX_REGIONS, Span};
use crate::requests::RequestError;
use crate::text::MAX_MODULES;
use core::fmt;

/// Why the kernel could not be started. `Display` is the line shown to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// Whoever started the loader is no multiboot 1 loader; `magic` is what it left in EAX.
    NotMultiboot {
        /// EAX at entry.
        magic: u32,
    },
    /// The multiboot loader passed no memory map.
    NoMemoryMap,
    /// The firmware's memory map, with the loader's own entries, has more than [`MAX_REGIONS`] regions.
    MemoryMapFull,
    /// No module was given, so there is no kernel.
    NoKernel,
    /// More modules than [`MAX_MODULES`].
    TooManyModules {
        /// How many were given.
        given: u32,
    },
    /// A module does not lie in RAM: guest memory is too small for it.
    ModuleOutsideMemory {
        /// 0 is the kernel.
        index: usize,
        /// Where the module was to lie.
        span: Span,
    },
    /// Guest memory has no room left for `needed` more bytes of kernel image, stacks or tables.
    OutOfMemory {
        /// Bytes asked for.
        needed: u64,
    },
    /// The kernel file cannot be loaded.
    Kernel(ElfError),
    /// The kernel's Limine requests cannot be served.
    Requests(RequestError),
}

impl From<ElfError> for LoadError {
    fn from(error: ElfError) -> Self {
        Self::Kernel(error)
    }
}

impl From<RequestError> for LoadError {
    fn from(error: RequestError) -> Self {
        Self::Requests(error)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotMultiboot { magic } => {
                write!(f, "not started by multiboot 1 (EAX is {magic:#x}): start it with qemu -kernel")
            }
            Self::NoMemoryMap => write!(f, "the multiboot loader passed no memory map"),
            Self::MemoryMapFull => write!(f, "the memory map has more than {MAX_REGIONS} regions"),
            Self::NoKernel => {
                write!(f, "no kernel: pass it as the first module, -initrd \"KERNEL kernel,FILE name,...\"")
            }
            Self::TooManyModules { given } => {
                write!(f, "{given} modules given, at most {MAX_MODULES} are supported")
            }
            Self::ModuleOutsideMemory { index, span } => write!(
                f,
                "module {index} ({} KiB) does not fit in guest memory: give the guest more memory (-m)",
                span.len().div_ceil(1024)
            ),
            Self::OutOfMemory { needed } => write!(
                f,
                "out of memory ({} KiB more needed): give the guest more memory (-m)",
                needed.div_ceil(1024)
            ),
            Self::Kernel(error) => write!(f, "kernel: {error}"),
            Self::Requests(error) => write!(f, "kernel: {error}"),
        }
    }
}
