//! The loader in real Nodes: each test runs small apps in every Node that `AMPT_WS_TEST_NODES`
//! names (paths separated by colons; by default the `node` on the path).

mod harness;
mod modules;
mod problems;
mod resolution;
mod unit;
