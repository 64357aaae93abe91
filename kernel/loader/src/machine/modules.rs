//! The modules, checked: each lies in RAM, and the first one is the kernel.

use super::memory;
use super::multiboot::{Given, Module};
use heapless::Vec;
use loader::error::LoadError;
use loader::text::MAX_MODULES;

/// The kernel and the modules it will see. Their bytes stay where the multiboot loader put them.
pub struct Modules {
    /// The kernel's file.
    pub kernel: Module,
    /// The others, in the order given.
    pub others: Vec<Module, MAX_MODULES>,
}

impl Modules {
    /// The kernel, then the others.
    pub fn all(&self) -> impl Iterator<Item = &Module> {
        core::iter::once(&self.kernel).chain(&self.others)
    }
}

impl Module {
    /// The file's bytes.
    pub fn bytes(&self) -> &'static [u8] {
        // SAFETY: 1. `check` found it in RAM; 2. the pool avoids it and nothing else writes there.
        unsafe { memory::bytes(self.span) }.unwrap_or_default()
    }
}

/// Checks that there is a kernel and that every module lies in RAM: QEMU silently drops what does not fit.
///
/// # Errors
/// [`LoadError::NoKernel`], [`LoadError::ModuleOutsideMemory`].
pub fn check(given: &Given) -> Result<Modules, LoadError> {
    for (index, module) in given.modules.iter().enumerate() {
        if !module.span.is_empty() && !given.memory.is_usable(module.span.pages_outward()) {
            return Err(LoadError::ModuleOutsideMemory { index, span: module.span });
        }
    }
    let (&kernel, others) = given.modules.split_first().ok_or(LoadError::NoKernel)?;
    Ok(Modules { kernel, others: others.iter().copied().collect() })
}
