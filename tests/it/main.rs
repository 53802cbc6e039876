//! The integration suite: drives the real program and real sockets.
//!
//! Every test makes an app in a temporary folder ([`support::App`]), runs `ampt-ws` on it, and
//! speaks to it as its users do: WebSocket clients, HTTP requests, signals, command-line verbs.
//! Nothing sleeps and no port is fixed: a test waits for the event it is about, with a deadline.
#![allow(
    clippy::print_stderr,
    reason = "a failed test shows what the program said"
)]

mod support;

mod access;
mod after_return;
mod architecture;
mod bench;
mod binary;
mod clock;
mod conformance;
mod connect;
mod connections;
mod data_ls;
mod data_on;
mod data_rules;
mod data_verbs;
mod demos;
mod dev_json;
mod dispatch;
mod endings;
mod entries;
mod environment;
mod events;
mod exec;
mod failures;
mod faults;
mod fidelity;
mod hostile;
mod http;
mod installed;
mod lifecycle;
mod limits;
mod load_failures;
mod logs;
mod management;
mod messages;
mod modules;
mod nodes;
mod output;
mod params;
mod persistence;
mod ports;
mod progress;
mod refusals;
mod reload;
mod repl;
mod script;
mod sdk;
mod seed;
mod sending;
mod signals;
mod tls;
mod torture;
mod transfer;
mod vectors;
mod verbs;
