//! The steps about stored items.

use serde_json::{Value, json};

use super::{fails, fixture, fixture_with, passes, run};

#[test]
fn items_are_set_merged_removed_and_expected() {
    passes(&[
        json!({"data": "user:1", "value": {"name": "ana", "age": 5}}),
        json!({"data": "user:1", "value": {"age": 6}}),
        json!({"expectData": "user:1", "value": {"name": "ana", "age": 6}}),
        json!({"expectData": "user:1", "matches": {"age": {"$capture": "age"}}}),
        json!({"data": "user:1", "value": {"age": "${age}"}, "overwrite": true}),
        json!({"expectData": "user:1", "value": {"age": 6}}),
        json!({"expectData": "user:1", "item": {"created": {"$type": "string"}, "ttl": {"$absent": true}}}),
        json!({"expectData": "user:*", "count": 1}),
        json!({"data": "user:1", "remove": true}),
        json!({"expectData": "user:1", "absent": true}),
        json!({"expectData": "user:*", "count": 0}),
    ]);
}

#[test]
fn an_item_may_take_its_time() {
    passes(&[
        json!({"connect": "ana"}),
        json!({"send": "ana", "message": {"do": "set", "key": "user:1", "value": 1}}),
        json!({"expectData": "user:1", "value": 1}),
    ]);
}

#[test]
fn another_or_no_item_is_told() {
    let other = fails(&[
        json!({"data": "user:1", "value": {"name": "ana", "age": 5}}),
        json!({"expectData": "user:1", "value": {"name": "bob", "age": 5}, "within": 0}),
    ]);
    let diff = other["diff"].as_array().expect("a difference");
    assert!(diff.contains(&json!("-   \"name\": \"bob\",")), "{other:#}");
    let none = fails(&[json!({"expectData": "user:1", "value": 1, "within": 0})]);
    assert_eq!(none["message"], "there is no item `user:1` (after 0ms)");
    let count = fails(&[
        json!({"data": "user:1", "value": 1}),
        json!({"expectData": "user:*", "count": 2, "within": 0}),
    ]);
    assert_eq!(count["hint"], "there are: user:1");
}

#[test]
fn seeds_imports_and_exports() {
    let steps = [
        json!({"expectData": "user:1", "value": {"name": "ana"}}),
        json!({"import": "more.json"}),
        json!({"export": "after.json"}),
        json!({"import": "more.json", "overwrite": true}),
        json!({"export": [{"key": "user:2", "value": {"name": {"$type": "string"}}, "label1": "l:1"}]}),
    ];
    let item = |n: u8, name: &str| json!({"key": format!("user:{n}"), "value": {"name": name}});
    let mut more = item(2, "bob");
    more["label1"] = json!("l:1");
    let file = |items: &[Value]| json!(items).to_string();
    let app = fixture_with(json!({"seed": "seed.json"}), &steps)
        .file("seed.json", &file(&[item(1, "ana")]))
        .file("more.json", &file(&[more.clone()]))
        .file("after.json", &file(&[more, item(1, "ana")]));
    let (document, output) = run(&app);
    assert_eq!(output.code, Some(0), "{document:#}");
    app.write("after.json", &file(&[item(1, "ana")]));
    let (document, output) = run(&app);
    assert_eq!(output.code, Some(1), "{document:#}");
    let failure = &document["fixtures"][0]["failure"];
    assert_eq!(
        (&failure["line"], &failure["message"]),
        (&json!(6), &json!("the export is another than expected"))
    );
    assert!(
        failure["diff"].to_string().contains("+   \\\"user:2\\\""),
        "{failure:#}"
    );
}

#[test]
fn a_bad_data_file_fails_its_step_with_the_reason() {
    let app = fixture(&[json!({"import": "bad.json"})]).file("bad.json", "[{\"key\": 5}]");
    let (document, output) = run(&app);
    assert_eq!(output.code, Some(1));
    let failure = &document["fixtures"][0]["failure"];
    assert!(
        failure["message"].to_string().contains("bad.json"),
        "{failure:#}"
    );
}
