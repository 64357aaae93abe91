//! The Limine boot protocol's numbers and structures, as far as the loader serves them.
//!
//! Source: PROTOCOL.md of the Limine boot protocol, base revisions 2 and 3. [`RequestKind`] names the
//! requests, the `*Response` structs are what their answers point to. All pointers are virtual: aliases in
//! the direct map ([`crate::hhdm`]).

use fl_addr::VirtAddr;

/// The first two words of every request.
pub const REQUEST_MAGIC: [u64; 2] = [0xc7b1_dd30_df4c_8b88, 0x0a82_e883_a194_f07b];
/// The first two words of the base revision tag; the third is the revision asked for.
pub const BASE_REVISION_MAGIC: [u64; 2] = [0xf956_2b2d_5c95_a6c8, 0x6a7b_3849_4453_6bdc];
/// The first two words of the marker before the requests.
pub const REQUESTS_START: [u64; 2] = [0xf6b8_f4b3_9de7_d1ae, 0xfab9_1a69_40fc_b9cf];
/// The two words of the marker after the requests.
pub const REQUESTS_END: [u64; 2] = [0xadc0_e053_1bb1_0d03, 0x9572_709f_3176_4c62];

/// Byte offset of the response pointer in a request: after the id (4 words) and the request's revision.
pub const RESPONSE_OFFSET: usize = 40;
/// Byte offset of the first field of requests that have some.
pub const FIELD_OFFSET: usize = 48;

/// The protocol revisions this loader can boot a kernel by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseRevision {
    /// The direct map covers the first 4 GiB; the RSDP's address is virtual.
    Two,
    /// The direct map covers RAM only; the RSDP's address is physical.
    Three,
}

impl BaseRevision {
    /// The revision a kernel's tag asks for, if served.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            2 => Some(Self::Two),
            3 => Some(Self::Three),
            _ => None,
        }
    }
    /// As written in the tag.
    pub const fn number(self) -> u64 {
        match self {
            Self::Two => 2,
            Self::Three => 3,
        }
    }
}

/// The requests that are answered; all others keep their null response, as the protocol wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// Name and version of this loader.
    BootloaderInfo,
    /// BIOS or UEFI.
    FirmwareType,
    /// A larger stack; its field is the size in bytes.
    StackSize,
    /// The direct map's offset.
    Hhdm,
    /// The memory map.
    MemoryMap,
    /// The kernel's file, in memory.
    ExecutableFile,
    /// Where the kernel lies.
    ExecutableAddress,
    /// The kernel's command line.
    ExecutableCmdline,
    /// The other modules.
    Modules,
    /// The ACPI root pointer.
    Rsdp,
    /// All processors, started.
    Mp,
}

impl RequestKind {
    /// How many kinds there are.
    pub const COUNT: usize = Self::ALL.len();
    /// All kinds; `ALL[k as usize] == k`.
    pub const ALL: [Self; 11] = [
        Self::BootloaderInfo,
        Self::FirmwareType,
        Self::StackSize,
        Self::Hhdm,
        Self::MemoryMap,
        Self::ExecutableFile,
        Self::ExecutableAddress,
        Self::ExecutableCmdline,
        Self::Modules,
        Self::Rsdp,
        Self::Mp,
    ];

    /// The third and fourth word of the request's id.
    pub const fn id(self) -> [u64; 2] {
        match self {
            Self::BootloaderInfo => [0xf550_38d8_e2a1_202f, 0x2794_26fc_f5f5_9740],
            Self::FirmwareType => [0x8c2f_75d9_0bef_28a8, 0x7045_a468_8eac_00c3],
            Self::StackSize => [0x224e_f046_0a8e_8926, 0xe1cb_0fc2_5f46_ea3d],
            Self::Hhdm => [0x48dc_f1cb_8ad2_b852, 0x6398_4e95_9a98_244b],
            Self::MemoryMap => [0x67cf_3d9d_378a_806f, 0xe304_acdf_c50c_3c62],
            Self::ExecutableFile => [0xad97_e90e_83f1_ed67, 0x31eb_5d1c_5ff2_3b69],
            Self::ExecutableAddress => [0x71ba_7686_3cc5_5f63, 0xb264_4a48_c516_a487],
            Self::ExecutableCmdline => [0x4b16_1536_e598_651e, 0xb390_ad4a_2f1f_303a],
            Self::Modules => [0x3e7e_2797_02be_32af, 0xca1c_4f3b_d128_0cee],
            Self::Rsdp => [0xc5e7_7b6b_397e_7b43, 0x2763_7845_accd_cf3c],
            Self::Mp => [0x95a6_7b81_9a1b_857e, 0xa0b6_1b72_3b6a_73e0],
        }
    }
}

/// Bytes of stack every processor gets unless the kernel asks for more.
pub const MIN_STACK_SIZE: u64 = 64 << 10;

/// A type without padding or references, laid out as the protocol says: any value of it may be written for
/// the kernel to read.
pub trait Answer: Copy + 'static {}

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident: $size:literal { $($(#[$field_doc:meta])* $field:ident: $ty:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            #[repr(C)]
            pub struct $name { $($(#[$field_doc])* pub $field: $ty),* }
            impl Answer for $name {}
            const _: () = assert!(size_of::<$name>() == $size);
        )*
    };
}

answers! {
    /// Answers with one word or none: firmware type, stack size (word unused), HHDM offset, RSDP address,
    /// file and command line pointers.
    WordResponse: 16 {
        /// Of the response structure.
        revision: u64,
        /// The answer.
        value: u64,
    }
    /// Bootloader info.
    BootloaderInfoResponse: 24 {
        /// Of the response structure.
        revision: u64,
        /// NUL-terminated.
        name: VirtAddr,
        /// NUL-terminated.
        version: VirtAddr,
    }
    /// Executable address.
    ExecutableAddressResponse: 24 {
        /// Of the response structure.
        revision: u64,
        /// Physical address of the image's first page; the image is contiguous.
        physical_base: u64,
        /// Virtual address of that page.
        virtual_base: VirtAddr,
    }
    /// Memory map and modules: an array of pointers.
    ListResponse: 24 {
        /// Of the response structure.
        revision: u64,
        /// Elements of the array.
        count: u64,
        /// To the array.
        entries: VirtAddr,
    }
    /// One region of the memory map.
    MemoryMapEntry: 24 {
        /// Physical address.
        base: u64,
        /// In bytes.
        length: u64,
        /// [`crate::memory_map::RegionKind`].
        kind: u64,
    }
    /// A file in memory (`limine_file`).
    File: 112 {
        /// Of this structure.
        revision: u64,
        /// First byte, page-aligned.
        address: VirtAddr,
        /// In bytes.
        size: u64,
        /// File name, NUL-terminated.
        path: VirtAddr,
        /// Command line or module name, NUL-terminated.
        string: VirtAddr,
        /// Medium, TFTP address, partition and disk identities: all zero, "none".
        origin: [u64; 9],
    }
    /// Multiprocessor response.
    MpResponse: 32 {
        /// Of the response structure.
        revision: u64,
        /// Bit 0: x2APIC mode; never set here.
        flags: u32,
        /// Local APIC id of the boot processor.
        bsp_lapic_id: u32,
        /// Elements of the array.
        cpu_count: u64,
        /// To an array of pointers to [`MpInfo`].
        cpus: VirtAddr,
    }
    /// One processor.
    MpInfo: 32 {
        /// ACPI processor id.
        processor_id: u32,
        /// Local APIC id.
        lapic_id: u32,
        /// Unused.
        reserved: u64,
        /// The processor waits until this is not null, then jumps there.
        goto_address: u64,
        /// The kernel's.
        extra_argument: u64,
    }
}

impl Answer for VirtAddr {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_numbered_in_order_and_have_ids_of_their_own() {
        for (i, a) in RequestKind::ALL.into_iter().enumerate() {
            assert_eq!(a as usize, i);
            assert!(RequestKind::ALL[..i].iter().all(|b| a.id() != b.id()), "{a:?}");
        }
    }
}
