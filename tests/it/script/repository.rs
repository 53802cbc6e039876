//! The fixtures of this repository, and the published schema.

use std::process::Command;

use super::repository;
use crate::support::PROGRAM;

fn program(args: &[&str]) -> std::process::Output {
    let mut command = Command::new(PROGRAM);
    command.args(args).current_dir(repository());
    command.output().expect("the program runs")
}

#[test]
fn all_fixtures_of_the_repository_pass() {
    let output = program(&["test", "fixtures"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_published_schema_is_that_of_the_program() {
    let output = program(&["test", "--schema"]);
    let published = repository().join("fixtures/fixture.schema.json");
    let published = std::fs::read(published).expect("the published schema");
    assert!(
        output.stdout == published,
        "the format has changed; if that is meant: ampt-ws test --schema > fixtures/fixture.schema.json"
    );
}
