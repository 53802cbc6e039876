//! What a load test sends, what it counts, and what comes of it. Nothing here touches a socket.

mod plan;
mod report;
mod tally;

pub use plan::{Numbers, Plan, Template};
pub use report::{Bar, Holds, Report};
pub use tally::Tally;
