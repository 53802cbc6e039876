//! Pure facts and small types that every layer shares; nothing here does I/O.

pub mod chaos;
pub mod clock;
pub mod close;
pub mod connection_id;
pub mod duration;
pub mod fidelity;
pub mod limits;
pub mod selector;
pub mod token_bucket;

pub use chaos::Chaos;
pub use clock::Clock;
pub use close::CloseReason;
pub use connection_id::{ConnectionId, ID_LENGTH};
pub use duration::{parse_duration, spell_duration};
pub use limits::{BinaryMessages, ConnectionLimits, EnvironmentType, RateLimits};
pub use selector::Selector;
pub use token_bucket::TokenBucket;
