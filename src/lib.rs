//! `ampt-ws`: a local development emulator for Ampt WebSocket apps.

pub mod domain;
pub mod worker;
