//! Unix: signals, files, and the rights that are given up once the device is open.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use capture::rights;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::statvfs::statvfs;
use nix::unistd::Pid;

use crate::orders::Orders;
use crate::ring::folder_of;

/// Standard output without the line buffering that Rust adds to it.
pub(crate) fn standard_output() -> io::Result<File> {
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

/// SIGINT and SIGTERM end in order, SIGHUP begins the next file.
pub(crate) fn listen(orders: &Orders) -> io::Result<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&orders.stop))?;
    }
    signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&orders.rotate))?;
    Ok(())
}

/// Hands orders that came as signals on to the process that records.
pub(crate) fn forward(process: u32, orders: &Orders) {
    let Ok(process) = i32::try_from(process) else { return };
    // One that has ended in the meantime needs no orders.
    if orders.stop.swap(false, Ordering::Relaxed) {
        let _ = kill(Pid::from_raw(process), Signal::SIGTERM);
    }
    if orders.rotate.swap(false, Ordering::Relaxed) {
        let _ = kill(Pid::from_raw(process), Signal::SIGHUP);
    }
}

/// Whether nobody holds the other end of standard input any more.
pub(crate) fn input_is_closed() -> bool {
    let input = io::stdin();
    let mut ends = [PollFd::new(input.as_fd(), PollFlags::empty())];
    let asked = poll(&mut ends, PollTimeout::ZERO);
    asked.is_ok_and(|ready| ready > 0)
        && ends.iter().any(|end| end.revents().is_some_and(|events| events.contains(PollFlags::POLLHUP)))
}

/// A recording holds what can be attacked offline.
pub(crate) fn for_the_owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// Bytes that whoever runs this may still write there.
pub(crate) fn free_space(folder: &Path) -> Option<u64> {
    let disk = statvfs(folder).ok()?;
    #[cfg_attr(target_pointer_width = "64", expect(clippy::useless_conversion, reason = "narrower elsewhere"))]
    Some(u64::from(disk.blocks_available()).saturating_mul(u64::from(disk.fragment_size())))
}

/// Which rights are missing, and how to grant them.
pub(crate) fn missing_rights() -> String {
    let program = std::env::current_exe().map_or("hellotrace-capture".to_owned(), |path| path.display().to_string());
    format!(
        "the rights CAP_NET_RAW and CAP_NET_ADMIN are missing; grant them with `sudo setcap \
         cap_net_raw,cap_net_admin+ep {program}`, or run it as root"
    )
}

/// Gives up all rights: becomes an ordinary user where it was root, drops every capability, and shuts itself in where
/// the kernel can do that. What may still be written is the folder of `writes`. The error is a sentence.
///
/// Called once the device is open and before anything is read from it, and before there are other threads.
pub(crate) fn give_up_rights(user: Option<&str>, writes: Option<&Path>) -> Result<(), String> {
    if rights::is_root() {
        forget_bounding_set();
    }
    rights::become_ordinary_user(user)?;
    confine(writes).map_err(|error| format!("cannot give up rights: {error}"))
}

#[cfg(target_os = "linux")]
fn forget_bounding_set() {
    // What a later exec could gain. Not all need succeed: exec is forbidden below as well.
    let _ = caps::clear(None, caps::CapSet::Bounding);
}

#[cfg(not(target_os = "linux"))]
fn forget_bounding_set() {}

/// Capabilities, no new privileges, and a sandbox as far as the kernel has one.
#[cfg(target_os = "linux")]
fn confine(writes: Option<&Path>) -> Result<(), String> {
    use caps::CapSet;

    for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        caps::clear(None, set).map_err(|error| error.to_string())?;
    }
    nix::sys::prctl::set_no_new_privs().map_err(|error| error.to_string())?;
    // A kernel without them leaves the process without rights all the same.
    let _ = restrict_files(writes);
    let _ = restrict_calls();
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn confine(_writes: Option<&Path>) -> Result<(), String> {
    Ok(())
}

/// Landlock: of all files only the recordings' folder, and the counters that libpcap reads.
#[cfg(target_os = "linux")]
fn restrict_files(writes: Option<&Path>) -> Result<(), landlock::RulesetError> {
    use landlock::{ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, path_beneath_rules};

    // The third version has all kinds of writing; older kernels do what they can.
    let abi = ABI::V3;
    let recording = AccessFs::WriteFile
        | AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::MakeReg
        | AccessFs::RemoveFile
        | AccessFs::Truncate;
    Ruleset::default()
        .handle_access(AccessFs::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules(INTERFACE_COUNTERS, AccessFs::ReadFile | AccessFs::ReadDir))?
        .add_rules(path_beneath_rules(writes.map(folder_of), recording))?
        .restrict_self()?;
    Ok(())
}

/// Seccomp: what records packets starts no program, opens no socket, looks into no process and changes no system.
///
/// A list of what is refused, not of what is allowed: libpcap and the C library differ between systems in what they
/// use, and a recorder that dies of an update is worse than one that could still ask for the time.
#[cfg(target_os = "linux")]
fn restrict_calls() -> Result<(), Box<dyn std::error::Error>> {
    use nix::libc;
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

    let refused = [
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_kexec_load,
        libc::SYS_reboot,
        libc::SYS_setuid,
        libc::SYS_setgid,
        libc::SYS_setresuid,
        libc::SYS_setresgid,
        libc::SYS_setgroups,
        libc::SYS_capset,
    ];
    let rules = refused.into_iter().map(|call| (call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, std::env::consts::ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
    Ok(())
}

/// What Linux tells of an interface in a file that stays open, so that no rights are needed to ask again.
#[derive(Debug)]
pub(crate) struct LinkState(File);

impl LinkState {
    /// Begins to watch an interface; `None` where nothing tells (`any`, other systems).
    pub(crate) fn of(name: &str) -> Option<Self> {
        if name.contains('/') {
            return None;
        }
        File::open(Path::new("/sys/class/net").join(name).join("flags")).ok().map(Self)
    }

    /// How it is now.
    pub(crate) fn read(&mut self) -> State {
        let mut text = String::new();
        if self.0.rewind().and_then(|()| self.0.read_to_string(&mut text)).is_err() {
            return State::Gone;
        }
        let flags = text.trim().strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
        // IFF_UP, the lowest bit: netdevice(7).
        if flags.is_some_and(|flags| flags & 1 == 0) { State::Down } else { State::Up }
    }
}

/// Whether an interface carries packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It does.
    Up,
    /// It is there and does not.
    Down,
    /// It is gone.
    Gone,
}

/// Where libpcap finds what an interface dropped.
#[cfg(target_os = "linux")]
const INTERFACE_COUNTERS: [&str; 2] = ["/sys/class/net", "/sys/devices"];
