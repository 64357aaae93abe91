//! Writes the answers to the kernel's requests.
//!
//! [`write`] takes [`Facts`], places each answer in the pool and its address in the request. The memory map
//! is known only when the pool's end is: its answer gets its place here and its content later, by
//! [`MapAnswer::fill`].

use super::kernel_image::KernelImage;
use super::modules::Modules;
use super::multiboot::Module;
use super::pool::Pool;
use super::smp::Cpus;
use fl_addr::{PhysAddr, VirtAddr};
use loader::elf::KernelElf;
use loader::error::LoadError;
use loader::hhdm;
use loader::memory_map::{MAX_REGIONS, MemoryMap};
use loader::protocol::{
    BaseRevision, BootloaderInfoResponse, ExecutableAddressResponse, File, ListResponse, MemoryMapEntry,
    RequestKind, WordResponse,
};
use loader::requests::Requests;
use loader::text;

/// Firmware type: a BIOS, the only one that starts multiboot kernels here.
const FIRMWARE_BIOS: u64 = 0;
/// Revision of the modules response: it knows the kernel's own ("internal") modules, of which none are
/// loaded.
const MODULES_REVISION: u64 = 1;

/// All that the kernel may ask about, besides the memory map.
pub struct Facts<'a> {
    /// What it asks.
    pub requests: &'a Requests,
    /// Its file, checked.
    pub elf: &'a KernelElf<'a>,
    /// Its command line.
    pub command_line: &'a [u8],
    /// Its file and the modules.
    pub modules: &'a Modules,
    /// The ACPI root pointer.
    pub rsdp: Option<PhysAddr>,
    /// The processors.
    pub cpus: &'a Cpus,
}

/// Answers every request that the kernel makes.
///
/// # Errors
/// [`LoadError::OutOfMemory`].
pub fn write(facts: &Facts<'_>, kernel: &mut KernelImage, pool: &mut Pool) -> Result<MapAnswer, LoadError> {
    let requests = facts.requests;
    requests.accept_revision(kernel.bytes);
    let map = MapAnswer::reserve(pool)?;
    for kind in RequestKind::ALL.into_iter().filter(|&kind| requests.has(kind)) {
        if let Some(response) = answer(kind, facts, kernel.phys.start, &map, pool)? {
            requests.answer(kernel.bytes, kind, response);
        }
    }
    Ok(map)
}

/// One answer; `None` leaves the request unanswered.
fn answer(
    kind: RequestKind,
    facts: &Facts<'_>,
    kernel: PhysAddr,
    map: &MapAnswer,
    pool: &mut Pool,
) -> Result<Option<VirtAddr>, LoadError> {
    let word = |pool: &mut Pool, value| pool.put(WordResponse { revision: 0, value });
    let response = match kind {
        RequestKind::BootloaderInfo => {
            let name = pool.put_text(b"Faultline loader")?;
            let version = pool.put_text(env!("CARGO_PKG_VERSION").as_bytes())?;
            pool.put(BootloaderInfoResponse { revision: 0, name, version })?
        }
        RequestKind::FirmwareType => word(pool, FIRMWARE_BIOS)?,
        RequestKind::StackSize => word(pool, 0)?,
        RequestKind::Hhdm => word(pool, hhdm::OFFSET)?,
        RequestKind::MemoryMap => map.response,
        RequestKind::ExecutableFile => {
            let file = put_file(pool, &facts.modules.kernel, facts.command_line)?;
            word(pool, file.0)?
        }
        RequestKind::ExecutableAddress => {
            let (physical_base, virtual_base) = (kernel.0, facts.elf.start());
            pool.put(ExecutableAddressResponse { revision: 0, physical_base, virtual_base })?
        }
        RequestKind::ExecutableCmdline => {
            let text = pool.put_text(facts.command_line)?;
            word(pool, text.0)?
        }
        RequestKind::Modules => {
            let others = &facts.modules.others;
            let (entries, files) = pool.put_n(VirtAddr(0), others.len())?;
            for (file, module) in files.iter_mut().zip(others) {
                *file = put_file(pool, module, text::module_string(module.text))?;
            }
            pool.put(ListResponse { revision: MODULES_REVISION, count: others.len() as u64, entries })?
        }
        RequestKind::Rsdp => match (facts.rsdp, facts.requests.revision()) {
            (Some(rsdp), BaseRevision::Two) => word(pool, hhdm::alias(rsdp).0)?,
            (Some(rsdp), BaseRevision::Three) => word(pool, rsdp.0)?,
            (None, _) => return Ok(None),
        },
        RequestKind::Mp => facts.cpus.response(),
    };
    Ok(Some(response))
}

/// Describes a module; its bytes stay where they are.
fn put_file(pool: &mut Pool, module: &Module, string: &[u8]) -> Result<VirtAddr, LoadError> {
    let path = pool.put_text(text::module_path(module.text))?;
    let string = pool.put_text(string)?;
    let address = hhdm::alias(module.span.start);
    pool.put(File { revision: 0, address, size: module.span.len(), path, string, origin: [0; 9] })
}

/// Room for the memory map of a kernel that asked for it.
pub struct MapAnswer {
    response: VirtAddr,
    header: &'static mut [ListResponse],
    entries: &'static mut [MemoryMapEntry],
}

impl MapAnswer {
    fn reserve(pool: &mut Pool) -> Result<Self, LoadError> {
        let (first, entries) = pool.put_n(MemoryMapEntry { base: 0, length: 0, kind: 0 }, MAX_REGIONS)?;
        let (list, pointers) = pool.put_n(first, MAX_REGIONS)?;
        for (i, pointer) in pointers.iter_mut().enumerate() {
            pointer.0 += (i * size_of::<MemoryMapEntry>()) as u64;
        }
        let (response, header) = pool.put_n(ListResponse { revision: 0, count: 0, entries: list }, 1)?;
        Ok(Self { response, header, entries })
    }

    /// Writes the final map.
    pub fn fill(self, map: &MemoryMap) {
        for (entry, region) in self.entries.iter_mut().zip(map.regions()) {
            *entry = MemoryMapEntry {
                base: region.span.start.0,
                length: region.span.len(),
                kind: region.kind as u64,
            };
        }
        self.header[0].count = map.regions().len() as u64;
    }
}
