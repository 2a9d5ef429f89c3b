//! Downloads from servers that drop, stall, corrupt, lie and change their minds. All of them run on this machine.

mod faults;
mod hub;
mod server;
mod tls;
