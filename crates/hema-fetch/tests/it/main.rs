//! Downloads from servers that drop, stall, corrupt, lie and change their minds. All of them run on this
//! machine.

use std::time::Duration;

use hema_fetch::Options;

mod faults;
mod hub;
mod remote;
mod server;
mod tls;

/// Quick, so that tests are.
const OPTIONS: Options = Options {
    connect: Duration::from_secs(5),
    stall: Duration::from_millis(500),
    attempts: 3,
    first_wait: Duration::from_millis(1),
    longest_wait: Duration::from_millis(20),
};
