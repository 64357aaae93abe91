//! How the machine is left: QEMU's debug-exit device, then ACPI by the port QEMU's firmware uses, then a halt.

use super::interrupts;
use x86_64::instructions::port::Port;

/// Port of QEMU's `isa-debug-exit`: value `v` ends QEMU with status `2 v + 1`.
const DEBUG_EXIT: u16 = 0xf4;
/// ACPI PM1a control as SeaBIOS and OVMF place it on `pc` and `q35`; 0x2000 = SLP_EN with type S5.
const PM1A_CONTROL: u16 = 0x604;

/// What the host is told.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum ExitCode {
    /// Everything ran; QEMU's status is 33.
    PowerOff = 0x10,
    /// The kernel panicked; QEMU's status is 35.
    Panic = 0x11,
    /// The kernel was asked for something it cannot do, and said what; QEMU's status is 39.
    Refused = 0x13,
}

/// Ends the machine.
pub fn off(code: ExitCode) -> ! {
    // SAFETY: writing this port ends QEMU, or does nothing on a machine without the device.
    unsafe { Port::<u32>::new(DEBUG_EXIT).write(code as u32) };
    if matches!(code, ExitCode::PowerOff) {
        // SAFETY: on machines where the port means something else the write is a stray I/O cycle just before the halt.
        unsafe { Port::<u16>::new(PM1A_CONTROL).write(0x2000) };
    }
    halt()
}

/// Stops this CPU for good.
pub fn halt() -> ! {
    loop {
        interrupts::disable();
        x86_64::instructions::hlt();
    }
}
