//! What the bootloader told us: the Limine requests, and their answers gathered once into [`BootInfo`].
//!
//! Base revision 2 is the newest that Limine 7 and 8 and our own loader all speak; newer ones speak it too. Everything here points
//! into memory that the bootloader owns and that this kernel never reclaims, so the references are `'static`. Nothing is relied on
//! that the bootloaders do differently: where the image and the direct map lie, and the order and edges of the memory map.

use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use fl_addr::PhysAddr;
use fl_memmap::{Kind, Region};
use limine::BaseRevision;
use limine::memory_map::EntryType;
use limine::mp;
use limine::request::{
    ExecutableAddressRequest, ExecutableFileRequest, HhdmRequest, MemoryMapRequest, ModuleRequest, MpRequest,
    RequestsEndMarker, RequestsStartMarker, StackSizeRequest,
};
use spin::Once;

/// Bytes of stack asked for, for each processor: `_start` and the others' first function run on it, and then the idle threads.
const BOOT_STACK: u64 = 64 * 1024;

#[used]
#[unsafe(link_section = ".limine_requests_start")]
static START: RequestsStartMarker = RequestsStartMarker::new();
#[used]
#[unsafe(link_section = ".limine_requests_end")]
static END: RequestsEndMarker = RequestsEndMarker::new();

/// Places a request where the bootloader looks for it.
macro_rules! request {
    ($name:ident: $ty:ty = $value:expr) => {
        #[used]
        #[unsafe(link_section = ".limine_requests")]
        static $name: $ty = $value;
    };
}
request!(BASE: BaseRevision = BaseRevision::with_revision(2));
request!(STACK: StackSizeRequest = StackSizeRequest::new().with_size(BOOT_STACK));
request!(HHDM: HhdmRequest = HhdmRequest::new());
request!(MEMORY: MemoryMapRequest = MemoryMapRequest::new());
request!(EXECUTABLE: ExecutableFileRequest = ExecutableFileRequest::new());
request!(ADDRESS: ExecutableAddressRequest = ExecutableAddressRequest::new());
request!(MODULES: ModuleRequest = ModuleRequest::new());
request!(PROCESSORS: MpRequest = MpRequest::new());

/// Why the kernel cannot start with what it was given.
#[derive(Debug)]
pub enum BootError {
    /// The bootloader does not speak base revision 2 of the Limine protocol.
    BaseRevision,
    /// It left a request unanswered.
    Unanswered(&'static str),
    /// The command line is not UTF-8.
    CommandLine,
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BaseRevision => f.write_str(
                "the bootloader does not know base revision 2 of the Limine protocol; use Limine 7 or newer",
            ),
            Self::Unanswered(what) => write!(f, "the bootloader left a request unanswered: {what}"),
            Self::CommandLine => f.write_str("the kernel command line is not UTF-8"),
        }
    }
}

/// The bootloader's answers.
pub struct BootInfo {
    /// Virtual address of physical address 0 in the direct map.
    pub hhdm: u64,
    /// Physical address of the kernel image's first byte.
    pub kernel_phys: PhysAddr,
    /// Virtual address of the same byte.
    pub kernel_virt: u64,
    /// The kernel's ELF file as it was loaded, symbols included.
    pub kernel_file: &'static [u8],
    /// The kernel's command line.
    pub command_line: &'static str,
}

/// Gathers the answers. Call once, first of all.
pub fn info() -> Result<BootInfo, BootError> {
    if !BASE.is_supported() {
        return Err(BootError::BaseRevision);
    }
    let hhdm = HHDM.get_response().ok_or(BootError::Unanswered("higher-half direct map"))?.offset();
    let address = ADDRESS.get_response().ok_or(BootError::Unanswered("executable address"))?;
    let file = EXECUTABLE.get_response().ok_or(BootError::Unanswered("executable file"))?.file();
    MEMORY.get_response().ok_or(BootError::Unanswered("memory map"))?;
    Ok(BootInfo {
        hhdm,
        kernel_phys: PhysAddr(address.physical_base()),
        kernel_virt: address.virtual_base(),
        kernel_file: bytes_of(file),
        command_line: file.string().to_str().map_err(|_| BootError::CommandLine)?,
    })
}

/// The memory map as the bootloader gives it. What the kernel reads is `Ram`: the bootloader's answers, the image, modules, ACPI.
pub fn regions() -> impl Iterator<Item = Region> + Clone {
    let entries = MEMORY.get_response().map_or(&[][..], |r| r.entries());
    entries.iter().map(|e| {
        let kind = match e.entry_type {
            EntryType::USABLE => Kind::Usable,
            EntryType::BOOTLOADER_RECLAIMABLE
            | EntryType::EXECUTABLE_AND_MODULES
            | EntryType::ACPI_RECLAIMABLE
            | EntryType::ACPI_NVS => Kind::Ram,
            _ => Kind::Other, // reserved, bad, frame buffers, and what later bootloaders may add
        };
        Region { base: e.base, len: e.length, kind }
    })
}

/// The memory of the boot module whose string is `name`, to be changed. Whoever asks is its one user.
pub fn module_memory(name: &str) -> Option<*mut [u8]> {
    let modules = MODULES.get_response()?.modules();
    let module = modules.iter().find(|m| m.string().to_bytes() == name.as_bytes())?;
    Some(core::ptr::slice_from_raw_parts_mut(module.addr(), module.size() as usize))
}

/// A processor that the bootloader has started and that waits for an address to jump to, on a stack and a page table of the bootloader's.
pub struct Parked(&'static mp::Cpu);

/// Where a processor begins: called with the number it was given, interrupts off.
pub type FirstFunction = extern "C" fn(number: u64) -> !;

/// The processors but this one. None where the bootloader could not start them.
pub fn parked() -> impl Iterator<Item = Parked> {
    let answer = PROCESSORS.get_response();
    let boot = answer.map_or(0, |r| r.bsp_lapic_id());
    answer.map_or(&[][..], |r| r.cpus()).iter().filter(move |cpu| cpu.lapic_id != boot).map(|cpu| Parked(cpu))
}

impl Parked {
    /// Lets it go: it calls `first(number)`. Once for each.
    pub fn release(self, number: u64, first: FirstFunction) {
        FIRST.call_once(|| first);
        self.0.extra.store(number, Relaxed); // Relaxed: the write of the address, sequentially consistent, publishes it
        self.0.goto_address.write(arrive);
    }
}

/// What all processors but the first one call.
static FIRST: Once<FirstFunction> = Once::new();

/// Where a released processor jumps to.
///
/// # Safety
///
/// For the bootloader, once for each processor, on a stack of its own.
unsafe extern "C" fn arrive(cpu: &mp::Cpu) -> ! {
    let first = FIRST.get().expect("set before the processor was released");
    first(cpu.extra.load(Relaxed))
}

fn bytes_of(file: &limine::file::File) -> &'static [u8] {
    // SAFETY: the protocol promises `size` readable bytes at `addr`, in memory that stays allocated (type "executable and
    // modules"), mapped by the bootloader's direct map and by ours at the same offset, and written by nobody.
    unsafe { core::slice::from_raw_parts(file.addr(), file.size() as usize) }
}
