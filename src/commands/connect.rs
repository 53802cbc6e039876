//! `connect`: a client on the terminal.

use crate::cli::{Common, ConnectArgs};
use crate::error::Failure;
use crate::output::Output;

pub(super) async fn run(common: &Common, args: ConnectArgs, out: &Output) -> Result<u8, Failure> {
    let _ = (common, args, out);
    Err(Failure::new("connect", "not yet"))
}
