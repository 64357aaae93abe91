//! The loader that `qemu -kernel` starts: multiboot 1 in, Limine boot protocol out.
//!
//! This file is the table of contents; each step stands in [`machine`], each decision in the library
//! (`lib.rs`). Usage:
//!
//! ```text
//! qemu-system-x86_64 -kernel LOADER -initrd "KERNEL kernel,FILE name,..." -append "COMMAND LINE"
//! ```
//!
//! The first module is the kernel, the others are its modules. Nothing is printed on success unless the
//! command line has `loader=verbose`; any mistake is one line on COM1 and ends QEMU through isa-debug-exit
//! (value 0x12, status 37).
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod machine;

#[cfg(target_os = "none")]
use loader::{
    elf::KernelElf, error::LoadError, hhdm, memory_map::RegionKind, protocol::RequestKind, requests, text,
};

/// Called by `entry.S` on the boot processor: 64-bit mode, interrupts off, the first 4 GiB mapped at 0 and at
/// the direct map. `magic` and `info` are what the multiboot loader left in EAX and EBX.
#[cfg(target_os = "none")]
#[unsafe(no_mangle)]
extern "C" fn loader_main(magic: u32, info: u32) -> ! {
    match boot(magic, info) {
        Ok(handoff) => handoff.go(),
        Err(error) => machine::console::fail(error),
    }
}

/// Everything from the multiboot information to a machine that is ready for the kernel.
#[cfg(target_os = "none")]
fn boot(magic: u32, info: u32) -> Result<machine::handoff::Handoff, LoadError> {
    use machine::{
        acpi, answers, console, handoff, interrupts, kernel_image, modules, multiboot, page_tables, pool, smp,
    };

    console::init();
    let mut given = multiboot::read(magic, info)?;
    let modules = modules::check(&given)?;
    let command_line = text::command_line(given.command_line);
    let mut log = console::Log::new(text::wants_verbose(command_line));

    let mut pool = pool::Pool::claim(&given)?;
    let elf = KernelElf::parse(modules.kernel.bytes())?;
    let mut kernel = kernel_image::load(&elf, &mut pool)?;
    let requests = requests::scan(kernel.file_backed())?;
    let revision = requests.revision();
    let stack_size = requests.stack_size(kernel.bytes);

    let mut tables = page_tables::PageTables::new(&mut pool)?;
    tables.map_kernel(&mut pool, &elf, kernel.phys)?;
    for range in hhdm::ranges(&given.memory, revision)? {
        tables.map_direct(&mut pool, range)?;
    }

    let acpi = acpi::find();
    interrupts::mask(&acpi);
    let stack = pool.stack(stack_size)?;
    let cpus = smp::list(&acpi, &mut pool, stack_size)?;
    let facts = answers::Facts {
        requests: &requests,
        elf: &elf,
        command_line,
        modules: &modules,
        rsdp: acpi.rsdp(),
        cpus: &cpus,
    };
    let map_answer = answers::write(&facts, &mut kernel, &mut pool)?;

    // Nothing is taken from the pool from here on: its end is known.
    given.memory.set(multiboot::loader_image(), RegionKind::BootloaderReclaimable)?;
    for module in modules.all() {
        given.memory.set(module.span.pages_outward(), RegionKind::ExecutableAndModules)?;
    }
    given.memory.set(pool.taken(), RegionKind::BootloaderReclaimable)?;
    given.memory.set(kernel.phys, RegionKind::ExecutableAndModules)?;
    map_answer.fill(&given.memory);

    let started = if requests.has(RequestKind::Mp) { cpus.start(&acpi, tables.root()) } else { 1 };
    log.line(format_args!(
        "base revision {}, {} requests, {} modules, kernel {:?} entry {}, {} KiB taken, {started} processors",
        revision.number(),
        requests.count(),
        modules.all().count(),
        kernel.phys,
        elf.entry(),
        pool.taken().len() / 1024,
    ));
    Ok(handoff::Handoff { page_tables: tables.root(), stack, entry: elf.entry() })
}

/// On the host there is nothing to load: the package is built there only for its tests.
#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!(
        "the loader runs on the bare machine: cargo build --release --target x86_64-unknown-none -p loader"
    );
    std::process::exit(2);
}
